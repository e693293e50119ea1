"""What the Segment dock of one viewer is looking at: subject, models, what they made of it."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.progress import Progress
from napari_unlearn.viewer.segment_pictures import LabelPicture, against, board_of
from napari_unlearn.viewer.segment_result import Labelled, Labels
from napari_unlearn.viewer.segment_tasks import (
    Exported,
    Found,
    Judged,
    OpenedSubject,
    Segmented,
    Windowing,
    exporting,
    finding,
    is_volume,
    loading,
    segmenting,
)
from napari_unlearn.viewer.segment_tiles import SegmentTiles
from napari_unlearn.viewer.tasks import Model
from napari_unlearn.viewer.turns import painted_later
from napari_unlearn.viewer.worker import End, Jobs, sentence

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.io.subject_files import SubjectFiles

_log = logging.getLogger(__name__)

_PAINT = 100  # milliseconds
_FINE = 1000  # parts of a model's work on the bar of progress

Version = tuple[Path, int]
"""A checkpoint and when it was written [ns]."""


class Segmenting(QObject):
    """Part of a `Session`: closing the dock loses neither a job nor its result."""

    changed = Signal()
    """Subject, its neighbours, or models are different."""
    progressed = Signal(object)
    """`Progress`"""
    segmented = Signal(object)
    """`Labelled`: new figures."""
    said = Signal(str)
    """A remark in one sentence."""
    turned = Signal()
    """From slices to volumes, or back."""

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__()
        self._viewer = viewer
        self.jobs = Jobs()
        self.tiles = SegmentTiles(viewer)
        self.offer = None
        """Nothing is unlearned from this dock."""
        self.path: Path | None = None
        self.subjects: tuple[SubjectFiles, ...] = ()
        """All that lie where the one in view does."""
        self.opened: OpenedSubject | None = None
        self.models: tuple[Model, ...] = ()
        self.labelled: Labelled | None = None
        self.device, self.device_name = "auto", "this machine"
        self._running: tuple[str, ...] = ()
        self._making: dict[str, Version] = {}
        self._made: dict[str, Version] = {}
        """What the labels of each model were made with."""
        self._live: LabelPicture | None = None
        self._next: Callable[[], None] | None = None
        self._paint = QTimer(self)
        self._paint.setSingleShot(True)
        self._paint.setInterval(_PAINT)
        self._paint.timeout.connect(self._go_on)
        viewer.dims.events.ndisplay.connect(self._on_turned, position="last")
        self.jobs.yielded.connect(self._on_event)
        self.jobs.ended.connect(self._on_ended)

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        return self.jobs.running or self._paint.isActive() or self.tiles.busy

    def open(self, path: Path, then: Callable[[], None] | None = None, subject: str = "") -> None:
        """Read a subject in the background and show it; `then` follows if it worked.

        Args:
            path: Folder of subjects, list file, or NIfTI volume of one.
            then: Called in the main thread.
            subject: Id; empty takes the one that the path names, else the first.

        Raises:
            UnlearnError: Another job is under way.
        """
        self.jobs.start(f"Opening {path.name}", partial(finding, path, subject=subject))
        self.path, self._next = path, then

    def open_in_view(self) -> None:
        """Read the subject of whom a layer in view is a contrast.

        Raises:
            UnlearnError: No visible layer comes from a NIfTI file, or a job is under way.
        """
        active = self._viewer.layers.selection.active
        for layer in filter(None, (active, *self._viewer.layers)):
            name = layer.metadata.get("file") or layer.source.path or ""
            if layer.visible and is_volume(Path(name)) and Path(name).is_file():
                self.open(Path(name))
                return
        raise UnlearnError(
            "No layer in view comes from a NIfTI file; open a subject's volume first, or choose "
            "a file or folder here."
        )

    def choose(self, place: int, then: Callable[[], None] | None = None) -> None:
        """Read another of the subjects that were found.

        Raises:
            UnlearnError: Another job is under way.
        """
        files = self.subjects[place]
        self.jobs.start(f"Opening {files.subject}", partial(loading, files))
        self._next = then

    def offer_subjects(self, path: Path, subjects: "tuple[SubjectFiles, ...]") -> None:
        """Take over subjects that somebody else found; none of them is read."""
        self.path, self.subjects = path, subjects
        self.changed.emit()

    def adopt(self, path: Path, opened: OpenedSubject, models: tuple[Model, ...]) -> None:
        """Take over a subject whose volumes somebody else shows; nothing is drawn."""
        self.jobs.cancel()
        self.tiles.put_away()
        self.path, self.subjects = path, (opened.files,)
        self._forget_results(opened)
        self.set_models(models)

    def set_models(self, models: tuple[Model, ...]) -> None:
        """Choose the models to run, in the order of their tiles.

        Raises:
            UnlearnError: Two models of one name.
        """
        names = [model.name for model in models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UnlearnError(f"Two models are called '{twice}'; tiles need different names.")
        self.models = models
        self.changed.emit()

    def segment(self) -> None:
        """Label the open subject with all models; those that have and are unchanged do not run.

        Raises:
            UnlearnError: No subject, no models, or another job is under way.
        """
        if self.opened is None:
            raise UnlearnError("No subject is open; choose a folder or a NIfTI file first.")
        if not self.models:
            raise UnlearnError("No model is listed; add at least one checkpoint (.safetensors).")
        arms = {} if self.labelled is None else {arm.name: arm for arm in self.labelled.arms}
        known = {
            model.name: arms[model.name].labels
            for model in self.models
            if model.name in arms and self._made.get(model.name) == _version(model.path)
        }
        work = partial(segmenting, self.opened, self.models, known, self.device)
        self.jobs.start("Segmenting", work, self.device_name)
        self._running = tuple(model.name for model in self.models)
        self._making = {model.name: _version(model.path) for model in self.models}
        self.show()

    def add_unlearned(self, name: str, checkpoint: Path) -> None:
        """List an unlearned model, in place of one of that name, and run it.

        While another job runs it follows that; without a subject it is only listed.

        Raises:
            UnlearnError: Never in practice: the names stay different.
        """
        kept = tuple(model for model in self.models if model.name != name)
        self.set_models((*kept, Model(name, "unlearned", checkpoint)))
        if self.jobs.running:
            self._next = self.segment
        elif self.opened is not None:
            self.segment()

    def export_labels(self, name: str, path: Path) -> None:
        """Write the labels of a model, or the truth, as NIfTI on the subject's own grid.

        Raises:
            UnlearnError: There are none, or another job is under way.
        """
        columns = () if self.labelled is None else self.labelled.columns
        arm = next((arm for arm in columns if arm.name == name), None)
        if arm is None or self.opened is None:
            raise UnlearnError(f"There are no labels of '{name}'; run the models first.")
        self.jobs.start(f"Writing {path.name}", partial(exporting, self.opened, arm.labels, path))

    def show(self) -> None:
        """Show what there is, on a canvas that other tiles may have taken meanwhile."""
        if self.labelled is not None:
            with painted_later(self._viewer):
                self.tiles.show(board_of(self.labelled, self._running, self._live))

    def show_live(self, name: str | None) -> None:
        """Give a model that is learning a tile beside the others; None takes it away."""
        before, self._live = self._live, None
        labelled = self.labelled
        if name is not None and labelled is not None:
            blank = np.zeros(labelled.subject.shape, np.uint8)
            self._live = LabelPicture(name, blank, "…", against(labelled))
        if before is not self._live:
            self.show()

    def put_live(self, labels: Labels, remark: str) -> None:
        """Show what the learning model makes of the subject now."""
        live, labelled = self._live, self.labelled
        if live is None or labelled is None or labels.shape != labelled.subject.shape:
            return
        self._live = replace(live, labels=labels, figures=remark)
        self.tiles.put(live.name, self._live)

    def show_past(self, name: str, labels: Labels, remark: str) -> None:
        """Show what a model once made of the subject in the tile of what it makes now."""
        labelled = self.labelled
        if labelled is not None and labels.shape == labelled.subject.shape:
            self.tiles.put(name, LabelPicture(name, labels, remark, against(labelled)))

    def _on_event(self, event: object) -> None:
        on_canvas = isinstance(event, OpenedSubject | Segmented | Judged)
        try:
            with painted_later(self._viewer) if on_canvas else nullcontext():
                self._show_event(event)
        except Exception as error:  # a slot that raises would leave the job without an end
            _log.exception("An event could not be shown")
            self.jobs.abort(sentence(error, "this machine"))

    def _show_event(self, event: object) -> None:
        if isinstance(event, Found):
            self.subjects = event.subjects
        elif isinstance(event, OpenedSubject):
            self._forget_results(event)
            self.show()
            self.changed.emit()
        elif isinstance(event, Windowing):
            number, models = event.models
            done = _FINE * (number - 1) + _FINE * event.done // event.windows
            remark = f"{event.model.name}, window {event.done} of {event.windows}"
            self.progressed.emit(Progress(done, _FINE * models, None, remark))
        elif isinstance(event, Segmented):
            picture = LabelPicture(event.model.name, event.labels)
            self.tiles.put(event.model.name, picture)
            self.progressed.emit(Progress(event.done, event.total, event.seconds_left))
        elif isinstance(event, Judged) and self.labelled is not None:
            self.labelled = replace(self.labelled, arms=event.arms)
            self._running, self._made = (), self._making
            if self._live is not None and self._live.name in self._made:
                self._live = None  # its result has taken its tile
            self.show()
            self.segmented.emit(self.labelled)
        elif isinstance(event, Exported):
            self.said.emit(f"{event.path} is written.")

    def _forget_results(self, opened: OpenedSubject) -> None:
        self.opened, self._live = opened, None
        self._running, self._made = (), {}
        self.labelled = Labelled(opened.subject, opened.truth)
        self.segmented.emit(self.labelled)

    def _on_turned(self) -> None:
        self.turned.emit()

    def _on_ended(self, end: End) -> None:
        if self._running:  # cancelled or failed: tiles that wait would wait for ever
            self._running = ()
            if self.tiles.on_canvas:
                self.show()
        if end.outcome != "finished":
            self._next = None
        elif self._next is not None:
            self._paint.start()  # what has just been opened is painted first

    def _go_on(self) -> None:
        following, self._next = self._next, None
        try:
            if following is not None:
                following()
        except UnlearnError as error:
            self.said.emit(str(error))


def _version(path: Path) -> Version:
    try:
        return path, path.stat().st_mtime_ns
    except OSError:
        return path, 0  # the run will say what is wrong with it
