"""The Segment dock: choose a subject and models, run them, see where they differ."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.device_box import DeviceBox
from napari_unlearn.viewer.model_list import ModelList
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel
from napari_unlearn.viewer.run_panel import RunPanel
from napari_unlearn.viewer.samples import HEAD, sample_folder
from napari_unlearn.viewer.segment_result import Labelled
from napari_unlearn.viewer.segment_table import FIGURES, SegmentTable, export_table
from napari_unlearn.viewer.segment_view import SegmentView
from napari_unlearn.viewer.session import session_of
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    import napari

_VOLUMES = "NIfTI volumes (*.nii *.nii.gz);;All files (*)"


class SegmentDock(QWidget):
    """Thin face of a session's `Segmenting`; closing it loses nothing."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        self.session = session_of(napari_viewer)
        self.segmenting = self.session.segmenting
        self.path = QLineEdit()
        self.path.setPlaceholderText("Folder of subjects, or a NIfTI volume of one")
        self.subject = QComboBox()
        self.subject.setToolTip("The subjects that lie there")
        self.sample = QPushButton("3D head")
        self.sample.setToolTip(HEAD.story)
        self.sample.setVisible(sample_folder() is not None)
        self.story = QLabel()
        self.story.setWordWrap(True)
        self.story.hide()
        self.models = ModelList()
        self.device = DeviceBox()
        self.device.setToolTip("Where the models run")
        self.panel = RunPanel(self.segmenting)
        self.view = SegmentView(self.segmenting)
        self.figure = QComboBox()
        self.figure.addItems([figure.title for figure in FIGURES])
        self.figure.setToolTip(FIGURES[0].help)
        self.table = SegmentTable()
        self.all = QPushButton("All structures")
        self.export_labels = QToolButton()
        self.export_labels.setText("Labels…")
        self.export_labels.setToolTip("Write a model's labels as NIfTI, on the subject's own grid")
        self.export_labels.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export_table = QPushButton("CSV…")
        self.export_table.setToolTip("Write all figures of the table")
        self._lay_out()
        self._connect()
        self._show_subject()
        self._show_labelled(self.segmenting.labelled)
        if self.session.devices:
            self.device.offer(self.session.devices)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(1500)
        self._later.timeout.connect(self._look_for_devices)
        self._later.start()

    def open(self, path: Path) -> None:
        """Read a subject and show it."""
        self.story.hide()
        self._try(lambda: self.segmenting.open(path))

    def open_sample(self) -> None:
        """Open the sample head with its models and run them."""
        folder = sample_folder()
        if folder is None:
            self._complain("The sample data are not installed.")
            return

        def start() -> None:
            self.segmenting.open(folder / HEAD.scan, then=self.segmenting.segment)
            self.segmenting.set_models(HEAD.models(folder))
            self.story.setText(HEAD.story)
            self.story.show()

        self._try(start)

    def _lay_out(self) -> None:
        menu = QMenu(self)
        menu.addAction("NIfTI volume…", self._on_choose_file)
        menu.addAction("Folder of subjects…", self._on_choose_folder)
        menu.addAction("The one in view", self._on_in_view)
        button = QToolButton()
        button.setText("Open…")
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        column.addLayout(layout.row(self.path, button))
        column.addLayout(layout.row(self.subject, self.sample))
        for widget in (self.story, self.models, self.device, self.panel, self.view):
            column.addWidget(widget)
        column.addLayout(layout.row(self.figure, self.all))
        column.addWidget(self.table, stretch=1)
        column.addLayout(layout.row(QLabel("Export"), self.export_labels, self.export_table))
        keep_from_wheel(self)

    def _connect(self) -> None:
        segmenting = self.segmenting
        self.path.returnPressed.connect(self._on_path_entered)
        self.subject.activated.connect(self._on_subject)
        self.sample.clicked.connect(self.open_sample)
        self.models.edited.connect(self._on_models_edited)
        self.device.currentIndexChanged.connect(self._on_device)
        self.panel.run_requested.connect(self._on_run)
        self.figure.currentIndexChanged.connect(self._on_figure)
        self.table.chosen.connect(self.view.show_only)
        self.all.clicked.connect(self.table.show_all)
        self.export_labels.clicked.connect(self._on_export_labels)
        self.export_table.clicked.connect(self._on_export_table)
        segmenting.changed.connect(self._show_subject)
        segmenting.segmented.connect(self._show_labelled)
        self.session.devices_known.connect(self.device.offer)

    def _show_subject(self) -> None:
        segmenting, opened = self.segmenting, self.segmenting.opened
        self.models.show_models(segmenting.models)
        if segmenting.path is not None:
            self.path.setText(str(segmenting.path))
        self.subject.clear()
        self.subject.addItems([files.subject for files in segmenting.subjects])
        if opened is not None:
            self.subject.setCurrentText(opened.subject.subject)
        self.subject.setEnabled(len(segmenting.subjects) > 1)

    def _show_labelled(self, labelled: Labelled | None) -> None:
        self.table.show_labelled(labelled)
        names = [] if labelled is None else [arm.name for arm in labelled.columns]
        menu = QMenu(self.export_labels)
        for name in names:
            menu.addAction(name).triggered.connect(self._on_export_labels)
        self.export_labels.setMenu(menu)
        for button in (self.export_labels, self.export_table):
            button.setEnabled(bool(names))

    def _look_for_devices(self) -> None:
        if self.segmenting.jobs.running or self.session.jobs.running:
            self._later.start()  # importing torch now would hold up the first picture
        else:
            self.session.look_for_devices()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UnlearnError as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        self.panel.say(text, wrong=True)

    def _on_run(self) -> None:
        self._try(self.segmenting.segment)

    def _on_subject(self, place: int) -> None:
        self.story.hide()
        self._try(lambda: self.segmenting.choose(place))

    def _on_in_view(self) -> None:
        self.story.hide()
        self._try(self.segmenting.open_in_view)

    def _on_path_entered(self) -> None:
        if self.path.text().strip():
            self.open(Path(self.path.text().strip()).expanduser())

    def _on_choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a subject", "", _VOLUMES)
        if path:
            self.open(Path(path))

    def _on_choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a folder of subjects")
        if path:
            self.open(Path(path))

    def _on_models_edited(self, models: tuple[Model, ...]) -> None:
        self._try(lambda: self.segmenting.set_models(models))
        self.models.show_models(self.segmenting.models)

    def _on_device(self) -> None:
        self.segmenting.device = self.device.currentData()
        self.segmenting.device_name = self.device.currentText()

    def _on_figure(self, place: int) -> None:
        self.figure.setToolTip(FIGURES[place].help)
        self.table.show_figure(FIGURES[place])

    def _on_export_labels(self) -> None:
        name, labelled = self.sender().text(), self.segmenting.labelled
        if labelled is None:
            return
        suggested = f"labels_{name.replace(' ', '-')}.nii.gz"
        path, _ = QFileDialog.getSaveFileName(
            self, f"Export labels: {name}", suggested, "NIfTI (*.nii.gz *.nii)"
        )
        if path:
            self._try(lambda: self.segmenting.export_labels(name, Path(path)))

    def _on_export_table(self) -> None:
        labelled = self.segmenting.labelled
        if labelled is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Export figures", "structures.csv", "*.csv")
        if not path:
            return
        try:
            export_table(labelled, Path(path))
        except UnlearnError as error:
            self._complain(str(error))
