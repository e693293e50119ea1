"""The Read dock: open a blinded study, read it by keyboard, name the arms at the end."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.reading_keys import ReadingKeys
from napari_unlearn.viewer.reading_panel import ReadingPanel
from napari_unlearn.viewer.reading_result import ReadingResult
from napari_unlearn.viewer.reading_room import RevealedStudy
from napari_unlearn.viewer.session import session_of
from napari_unlearn.viewer.status_line import status_line
from napari_unlearn.viewer.tall_area import TallArea

if TYPE_CHECKING:
    import napari


class ReadDock(QWidget):
    """Thin face of a session's `ReadingRoom`; closing it loses nothing."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        self.room = session_of(napari_viewer).reading
        self._keys = ReadingKeys(self.room, self)
        self._finished = False
        self.path = QLineEdit()
        self.path.setPlaceholderText("Folder of a study, or its reading.toml")
        self.choose = QPushButton("Open…")
        self.reader = QLineEdit()
        self.reader.setPlaceholderText("Your name, the same each time")
        self.begin = QPushButton("Begin")
        self.form = QWidget()
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.panel = ReadingPanel(self.room)
        self.status = status_line()
        self.reveal = QPushButton("Reveal")
        self.reveal.setToolTip("Name the arms, once everything has been judged; ends the reading")
        self.leave = QPushButton("Close study")
        for button in (self.reveal, self.leave):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.result = ReadingResult()
        self._lay_out()
        self._connect()
        self._show()
        if self.room.found is not None:
            self.result.show_found(self.room.found)

    def open(self, path: Path, reader: str) -> None:
        """Begin to read a study, or go on."""
        self._say("")
        self.result.hide()
        self._try(lambda: self.room.begin(path, reader))
        if self.room.reading is not None:
            self.setFocus()  # out of the name's field, whose keys are letters

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the keyboard while the dock is to be seen."""
        super().showEvent(event)
        self._keys.listen()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Give the keyboard back."""
        super().hideEvent(event)
        self._keys.stop()

    def _lay_out(self) -> None:
        where = QHBoxLayout()
        where.addWidget(self.path, stretch=1)
        where.addWidget(self.choose)
        fields = QFormLayout(self.form)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.addRow("Study", where)
        fields.addRow("Reader", self.reader)
        fields.addRow(self.begin)
        ends = QHBoxLayout()
        ends.addWidget(self.reveal)
        ends.addWidget(self.leave)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        for widget in (self.form, self.title, self.panel, self.status):
            column.addWidget(widget)
        column.addLayout(ends)
        column.addWidget(self.result)
        column.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(TallArea(inside))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _connect(self) -> None:
        room = self.room
        self.choose.clicked.connect(self._on_choose)
        self.begin.clicked.connect(self._on_begin)
        self.reader.returnPressed.connect(self._on_begin)
        self.reveal.clicked.connect(self._on_reveal)
        self.leave.clicked.connect(self._on_leave)
        room.changed.connect(self._show)
        room.said.connect(self._complain)
        room.revealed.connect(self._show_found)

    def _show(self) -> None:
        reading, study = self.room.reading, self.room.study
        self.form.setVisible(reading is None)
        self.title.setText("" if study is None else study.definition.name)
        self.reveal.setVisible(reading is not None)
        self.reveal.setEnabled(reading is not None and reading.finished)
        self.leave.setVisible(study is not None)
        finished = reading is not None and reading.finished
        if finished and not self._finished:
            self._say("Everything is judged. U takes the last answer back; Reveal ends the study.")
        self._finished = finished

    def _show_found(self, found: RevealedStudy) -> None:
        self._say("")
        self.result.show_found(found)

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setStyleSheet("")

    def _complain(self, text: str) -> None:
        self.status.setText(text)
        self.status.setStyleSheet("color: #FF8A5C;")

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UnlearnError as error:
            self._complain(str(error))

    def _on_choose(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a reading study")
        if path:
            self.path.setText(path)
            self.reader.setFocus()

    def _on_begin(self) -> None:
        text = self.path.text().strip()
        if not text:
            self._complain("Choose the folder of a study first.")
            return
        self.open(Path(text).expanduser(), self.reader.text())

    def _on_reveal(self) -> None:
        self._say("Revealing…")
        self._try(self.room.reveal)

    def _on_leave(self) -> None:
        self.result.hide()
        self._say("")
        self.room.leave()
