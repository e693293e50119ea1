"""The Compare dock: choose a scan and models, run them, read what they invent."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.findings import Findings
from napari_unlearn.viewer.instead import Instead
from napari_unlearn.viewer.key_help import KeyHelp
from napari_unlearn.viewer.keys import bind
from napari_unlearn.viewer.looking import Looking
from napari_unlearn.viewer.model_list import ModelList
from napari_unlearn.viewer.run_panel import RunPanel
from napari_unlearn.viewer.samples import SAMPLES, Sample, sample_folder
from napari_unlearn.viewer.session import Session, session_of
from napari_unlearn.viewer.settings_form import SettingsForm
from napari_unlearn.viewer.tall_area import TallArea
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    import napari

_SCANS = "Scans (*.h5 *.hdf5 *.nii *.nii.gz *.dcm *.ima);;All files (*)"


class CompareDock(QWidget):
    """Thin face of a `Session`; closing it loses nothing."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        self.session: Session = session_of(napari_viewer)
        self._viewer = napari_viewer
        self.path = QLineEdit()
        self.path.setPlaceholderText("fastMRI .h5, NIfTI, or a DICOM folder")
        self.path.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # or it would catch every key
        self.story = QLabel()
        self.story.setWordWrap(True)
        self.story.hide()
        self.models = ModelList()
        self.settings = SettingsForm(self.session)
        self.panel = RunPanel(self.session)
        self.instead = Instead(self.session)
        self.findings: Findings = Findings(self.session, napari_viewer)
        self.looking = Looking(self.session, self.settings, napari_viewer)
        self.pages = QTabWidget()
        self.pages.addTab(self.findings, "Findings")
        self.pages.addTab(TallArea(self.looking), "Look closer")
        self.pages.setToolTip("F1 over the images lists the keys")
        self.help: KeyHelp = KeyHelp(self.session.viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        column.addLayout(self._scan_row())
        column.addLayout(self._sample_row())
        column.addWidget(self.story)
        column.addWidget(self.models)
        column.addWidget(self.settings)
        column.addWidget(self.panel)
        column.addWidget(self.instead)
        column.addWidget(self.pages, stretch=1)
        self.path.returnPressed.connect(self._on_path_entered)
        self.models.edited.connect(self._on_models_edited)
        self.panel.run_requested.connect(self._on_run)
        self.panel.live_requested.connect(self._on_live)
        self.settings.failed.connect(self._complain)
        self.findings.maps.failed.connect(self._complain)
        self.looking.failed.connect(self._complain)
        self.session.drawing.armed.connect(self._on_armed)
        self.session.changed.connect(self._show_session)
        self._show_session()
        bind(self.session.viewer, self, self._try)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(1500)
        self._later.timeout.connect(self._look_for_devices)
        self._later.start()

    def turn_page(self) -> None:
        """Show the tools of a reader instead of the findings, or the other way round."""
        self.pages.setCurrentIndex(1 - self.pages.currentIndex())

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Closed: no picture may go on flickering that nobody can stop."""
        if event is not None and not event.spontaneous():
            self.session.pair.leave()
        super().hideEvent(event)

    def open_scan(self, path: Path) -> None:
        """Open a scan and show its reference."""
        self.story.hide()
        self._try(lambda: self.session.open(path))

    def open_sample(self, sample: Sample) -> None:
        """Open a sample scan with its models and run them."""
        folder = sample_folder()
        if folder is None:
            self._complain("The sample data are not installed.")
            return

        def show() -> None:
            if sample.live is not None:
                offer = sample.live(folder)
                self.session.offer_live(offer.title, offer.start, offer.checkpoint)
            self.session.compare()

        def start() -> None:
            self.session.open(folder / sample.scan, then=show)
            settings = self.session.settings  # the story is one of errors
            self.session.settings = replace(settings, mode=DEFAULT_MODE, lam=None, rule=None)
            self.story.setText(sample.story)
            self.story.show()
            self.findings.outlines.setChecked(sample.outlines)
            self.session.set_models(sample.models(folder))

        self._try(start)

    def _scan_row(self) -> QHBoxLayout:
        menu = QMenu(self)
        menu.addAction("File…", self._on_choose_file)
        menu.addAction("DICOM folder…", self._on_choose_folder)
        button = QToolButton()
        button.setText("Open…")
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return layout.row(self.path, button)

    def _sample_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.sample_buttons: dict[str, QPushButton] = {}
        if sample_folder() is None:
            return row
        for sample in SAMPLES:
            button = QPushButton(sample.title)
            button.setToolTip(sample.story)
            button.setProperty("sample", sample.key)
            button.clicked.connect(self._on_sample)
            self.sample_buttons[sample.key] = button
            row.addWidget(button)
        return row

    def _show_session(self) -> None:
        self.models.show_models(self.session.models)
        if self.session.scan_path is not None:
            self.path.setText(str(self.session.scan_path))

    def _on_armed(self, tool: str) -> None:
        if tool:
            self.pages.setCurrentIndex(1)

    def _look_for_devices(self) -> None:
        if self.session.jobs.running:
            self._later.start()  # importing torch now would hold up the first picture
        else:
            self.session.look_for_devices()

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except UnlearnError as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        self.panel.say(text, wrong=True)

    def _on_run(self) -> None:
        self._try(self.session.compare)

    def _on_live(self) -> None:
        self._try(self.session.unlearn_live)

    def _on_sample(self) -> None:
        key = self.sender().property("sample")
        self.open_sample(next(sample for sample in SAMPLES if sample.key == key))

    def _on_path_entered(self) -> None:
        if self.path.text().strip():
            self.open_scan(Path(self.path.text().strip()).expanduser())

    def _on_choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a scan", "", _SCANS)
        if path:
            self.open_scan(Path(path))

    def _on_choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a DICOM series")
        if path:
            self.open_scan(Path(path))

    def _on_models_edited(self, models: tuple[Model, ...]) -> None:
        self._try(lambda: self.session.set_models(models))
        self.models.show_models(self.session.models)
