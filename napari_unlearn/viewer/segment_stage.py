"""Where the unlearning of a segmentation is watched: a tile of the Segment dock."""

from dataclasses import replace
from typing import TYPE_CHECKING

from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.preprocess3d import Plan, plan_for, restore
from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.events import Preview
from napari_unlearn.viewer.run_log import RunLog
from napari_unlearn.viewer.studies import Study

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unlearn.mri.subject3d import Subject3D
    from napari_unlearn.viewer.segmenting import Segmenting

_REDRAW = 1000  # milliseconds between two pictures: each redraws all tiles


class SegmentStage(QObject):
    """Follows a run of `Training` on the subject that the Segment dock has open."""

    failed = Signal(str)
    """One sentence."""

    def __init__(self, segmenting: "Segmenting") -> None:
        super().__init__()
        self._segmenting = segmenting
        self._name = ""
        self._study: Study | None = None
        self._subject: Subject3D | None = None
        self._plan: Plan | None = None
        self._newest: Preview | None = None
        self._running = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REDRAW)
        self._soon.timeout.connect(self._redraw)

    def watch(self, order: Order, name: str, study: Study) -> Order:
        """Watch the subject in view, and the quality on those to forget."""
        self._study = study
        opened = self._segmenting.opened
        self._name, self._newest, self._plan = name, None, None
        self._subject = None if opened is None else opened.subject
        order = replace(order, measures_forget=True)
        return order if opened is None else replace(order, preview=(opened.files, 0))

    def begin(self) -> None:
        """The run has started."""
        self._running = True
        if self._subject is not None:
            self._segmenting.show_live(self._name)

    def show(self, preview: Preview) -> None:
        """Show what the model makes of the subject now, soon."""
        self._newest = preview
        if not self._soon.isActive():
            self._soon.start()

    def end(self, *, kept: bool) -> None:
        """The run is over; without a model its tile goes."""
        self._running = False
        self._soon.stop()
        if not kept:
            self._segmenting.show_live(None)

    def show_epoch(self, log: RunLog, epoch: int | None) -> None:
        """Put the labels at the end of an epoch into the tile of the run's model.

        None shows again what the model that was kept makes of the subject.
        """
        if epoch is None:
            self._segmenting.show()
        elif epoch in log.previews and self._same_subject:
            labels = self._restored(log.previews[epoch])
            self._segmenting.show_past(log.name, labels, f"epoch {epoch}")

    def add(self, name: str, checkpoint: "Path") -> None:
        """Segment with the model that was kept.

        Raises:
            UnlearnError: The models cannot run.
        """
        self._segmenting.add_unlearned(name, checkpoint)

    def open(self, study: Study) -> None:
        """Show a subject to forget, as original and oracle see it, unless one is open."""
        segmenting = self._segmenting
        if segmenting.opened is not None or not study.people:
            return
        try:
            if not segmenting.models:
                segmenting.set_models(study.trained)
            segmenting.offer_subjects(study.path.parent, study.people)
            segmenting.choose(0, then=segmenting.segment if segmenting.models else None)
        except UnlearnError as error:
            self.failed.emit(str(error))

    @property
    def _same_subject(self) -> bool:
        opened = self._segmenting.opened
        return opened is not None and opened.subject is self._subject

    def _redraw(self) -> None:
        preview = self._newest
        if preview is None or not self._running or not self._same_subject:
            return
        self._segmenting.put_live(self._restored(preview.image), preview.at)

    def _restored(self, labels: NDArray) -> NDArray:
        """Labels of the network's grid on the subject's own."""
        if self._plan is None and self._subject is not None and self._study is not None:
            self._plan = plan_for(self._subject, self._study.shape)
        if self._plan is None or labels.shape != self._plan.size:
            return labels
        return restore(labels, self._plan)
