"""Which of the subjects that the original learnt are to be forgotten: a list to tick."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_unlearn.viewer.studies import Study
from napari_unlearn.viewer.thumbnail import thumbnail

_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked
_SIZE = 30  # side of a thumbnail [pixels]
_ROWS = 7  # that are in view at most


class SubjectList(QWidget):
    """Ticked is to be forgotten, the others are to be kept."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study: Study | None = None
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.list = QListWidget()
        self.list.setIconSize(QSize(_SIZE, _SIZE))
        self.list.setToolTip("Tick whom the model is to forget; the others are retained")
        self.remark = QLabel()
        self.remark.setWordWrap(True)
        self.remark.setStyleSheet("color: #9AA7B4;")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self.text, self.list, self.remark):
            column.addWidget(widget)
        self.list.itemChanged.connect(self._on_ticked)

    def show_study(self, study: Study) -> None:
        """List the subjects of an experiment, its forget set ticked."""
        self._study = study
        pictures = {
            name: picture
            for view in (study.retain, study.forget)
            for name, picture in zip(view.captions, view.thumbnails, strict=True)
        }
        self.list.blockSignals(True)
        self.list.clear()
        for name in study.subjects:
            item = QListWidgetItem(QIcon(thumbnail(pictures[name], 2 * _SIZE)), name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_CHECKED if name in study.forget.captions else _UNCHECKED)
            self.list.addItem(item)
        self.list.blockSignals(False)
        row = max(self.list.sizeHintForRow(0), _SIZE)
        self.list.setFixedHeight(min(self.list.count(), _ROWS) * row + 6)
        self._write()

    def tick(self, subject: str, wanted: bool) -> None:
        """Tick a subject, or take its tick away."""
        for item in self.list.findItems(subject, Qt.MatchFlag.MatchExactly):
            item.setCheckState(_CHECKED if wanted else _UNCHECKED)

    @property
    def ticked(self) -> tuple[str, ...]:
        """Ids of those to forget."""
        return self._with(_CHECKED)

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Retain and forget set, if they are others than the experiment's; else nothing."""
        if self._study is None or set(self.ticked) == set(self._study.forget.captions):
            return {}
        return {"retain": self._with(_UNCHECKED), "forget": self.ticked}

    @property
    def mistake(self) -> str:
        """Why a run cannot start with these ticks, in a sentence; empty if it can."""
        if not self.ticked:
            return "Nobody is ticked: tick at least one subject to forget."
        if not self._with(_UNCHECKED):
            return "Everybody is ticked: leave at least one subject to retain."
        return ""

    def _with(self, state: Qt.CheckState) -> tuple[str, ...]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return tuple(
            item.text() for item in items if item is not None and item.checkState() == state
        )

    def _write(self) -> None:
        count = len(self.ticked)
        self.text.setText(f"<b>Forget</b> {count} of {self.list.count()} subjects")
        remark = self.mistake
        if not remark and self.members and self._study is not None:
            known = ", ".join(self._study.forget.captions)
            remark = f"The oracle was trained without {known}; for others it is no oracle."
        self.remark.setText(remark)
        self.remark.setVisible(bool(remark))

    def _on_ticked(self, _item: QListWidgetItem) -> None:
        self._write()
        self.changed.emit()
