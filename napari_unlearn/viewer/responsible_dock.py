"""The dock that goes from an outlined hallucination to a forget set."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.inquiry import inquiry_of
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel
from napari_unlearn.viewer.responsible_list import ResponsibleList
from napari_unlearn.viewer.responsible_outline import (
    Marked,
    active_drawing,
    drawn_region,
    marked_regions,
)
from napari_unlearn.viewer.responsible_tasks import Answer, Question
from napari_unlearn.viewer.run_panel import RunPanel
from napari_unlearn.viewer.session import session_of

if TYPE_CHECKING:
    import napari

_DRAWN = "What I drew in the shapes layer"


class ResponsibleDock(QWidget):
    """Thin face of an `Inquiry`; closing it loses nothing."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.session = session_of(napari_viewer)
        self.training = self.session.training
        self.inquiry = inquiry_of(self.session)
        self._marked: tuple[Marked, ...] = ()
        self.study = QLabel()
        self.study.setWordWrap(True)
        self.model = QComboBox()
        self.model.setToolTip("Which run's model painted it")
        self.outline = QComboBox()
        self.outline.setToolTip("What the model invented: a region it marked, or one you drew")
        self.panel = RunPanel(self.inquiry)
        self.panel.run.setText("Find responsible slices")
        self.list = ResponsibleList()
        self.use = QPushButton("Use as forget set")
        self.use.setToolTip("Propose the ticked scans to the Unlearn dock")
        form = QFormLayout()
        form.addRow("Model", self.model)
        form.addRow("Outline", self.outline)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        column.addWidget(self.study)
        column.addLayout(form)
        column.addWidget(self.panel)
        column.addWidget(self.list, stretch=1)
        column.addWidget(self.use)
        keep_from_wheel(self)
        self.panel.run_requested.connect(self._on_run)
        self.model.currentIndexChanged.connect(self._show_outlines)
        self.list.ticked_changed.connect(self._make_ready)
        self.use.clicked.connect(self._on_use)
        self.inquiry.answered.connect(self._show_answer)
        self.training.study_known.connect(self._show_study)
        self.session.compared.connect(self._show_outlines)
        self.session.changed.connect(self._show_outlines)
        self._show_study()
        if self.inquiry.answer is not None:
            self._show_answer(self.inquiry.answer)

    def ask(self, inside: NDArray[np.bool_], index: int) -> None:
        """Ask who is responsible for a region of the open scan.

        Args:
            inside: (image_rows, image_columns) bool.
            index: Its slice.

        Raises:
            UnlearnError: No scan or experiment is open, or a search is under way.
        """
        study, path = self.training.study, self.session.scan_path
        if study is None or study.task != "reconstruction":
            raise UnlearnError("Open an experiment on scans in the Unlearn dock first.")
        if self.session.opened is None or path is None:
            raise UnlearnError("Open the scan with the hallucination in the Compare dock first.")
        if not self.model.currentText():
            raise UnlearnError(f"{study.name} has no trained model yet.")
        settings = self.session.settings
        self.inquiry.ask(
            Question(
                experiment=study.path,
                run=self.model.currentText(),
                scan=path,
                slice=index,
                inside=inside,
                acceleration=settings.acceleration,
                center_fraction=settings.center_fraction,
                device=settings.device,
            ),
            settings.device_name,
        )

    def _show_study(self) -> None:
        study, chosen = self.training.study, self.model.currentText()
        self.model.blockSignals(True)
        self.model.clear()
        if study is None or study.task != "reconstruction":
            self.study.setText("Open an experiment on scans in the Unlearn dock first.")
        else:
            slices = study.retain.slices + study.forget.slices
            self.study.setText(f"<b>{study.name}</b>, {slices} training slices")
            self.model.addItems(list(study.checkpoints))
            self.model.setCurrentText(chosen or "original")
        self.model.blockSignals(False)
        self._show_outlines()
        self._make_ready()

    def _show_outlines(self, *_: object) -> None:
        comparison, chosen = self.session.comparison, self.outline.currentText()
        run, before = self.model.currentText() or "original", self._marked
        self._marked = ()
        if comparison is not None and comparison.reference is not None:
            self._marked = tuple(marked_regions(comparison, run))
        self.outline.clear()
        self.outline.addItems([*(each.title for each in self._marked), _DRAWN])
        if before:  # else there was nothing to choose, and what is marked comes first
            self.outline.setCurrentText(chosen)

    def _outlined(self) -> Marked:
        place, opened = self.outline.currentIndex(), self.session.opened
        if place < len(self._marked):
            return self._marked[place]
        if opened is None:
            raise UnlearnError("Open the scan with the hallucination in the Compare dock first.")
        tiles = self.session.tiles
        own = [tile.outlines for tile in (*tiles.upper, *tiles.lower)]
        layers = self._viewer.layers
        drawing = active_drawing(list(layers), layers.selection.active, own)
        return drawn_region(drawing, opened.scan.header, int(self._viewer.dims.current_step[0]))

    def _show_answer(self, answer: Answer) -> None:
        self.list.show_answer(answer)

    def _make_ready(self) -> None:
        answer, study = self.inquiry.answer, self.training.study
        asked = None if answer is None else answer.question.experiment
        shown = None if study is None else study.path
        self.use.setEnabled(asked is not None and asked == shown and bool(self.list.ticked))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UnlearnError as error:
            self.panel.say(str(error), wrong=True)

    def _on_run(self) -> None:
        def ask() -> None:
            outlined = self._outlined()
            self.ask(outlined.inside, outlined.slice)

        self._try(ask)

    def _on_use(self) -> None:
        answer, chosen = self.inquiry.answer, self.list.ticked
        if answer is None:
            return

        def propose() -> None:
            self.training.propose(answer.proposal(chosen))
            scans = "1 scan" if len(chosen) == 1 else f"{len(chosen)} scans"
            self.panel.say(f"{scans} proposed as forget set: see the Unlearn dock.")

        self._try(propose)
