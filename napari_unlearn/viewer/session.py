"""What one viewer is looking at: scan, models, the running job, the last comparison."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Compared, Comparison, Reconstructed, Region
from napari_unlearn.evaluation.hallucination import find_mode
from napari_unlearn.unlearning.events import Alarm, Event, Finished, Preparing, Started, Step
from napari_unlearn.viewer import tasks
from napari_unlearn.viewer.drawing import Drawing
from napari_unlearn.viewer.glyphs import draw_letters
from napari_unlearn.viewer.map_view import MapView
from napari_unlearn.viewer.pair_view import PairView
from napari_unlearn.viewer.progress import Progress
from napari_unlearn.viewer.reading_room import ReadingRoom
from napari_unlearn.viewer.segmenting import Segmenting
from napari_unlearn.viewer.tasks import Device, Glimpse, Model, Opened, Reference, Run, Settings
from napari_unlearn.viewer.tiles import Tiles
from napari_unlearn.viewer.training import Training
from napari_unlearn.viewer.turns import painted_later
from napari_unlearn.viewer.warm_up import read_units, warm_up
from napari_unlearn.viewer.worker import End, Jobs, sentence

if TYPE_CHECKING:
    from napari import Viewer

_log = logging.getLogger(__name__)

_PAINT = 100  # milliseconds

Unlearning = Callable[[CancelToken], Iterator[Event]]


@dataclass(frozen=True)
class Offer:
    """Unlearning that can be watched live on the open scan."""

    title: str
    start: Unlearning
    checkpoint: Path
    """Where the unlearned model will lie."""


class Session(QObject):
    """Belongs to the viewer, so that closing a dock loses neither a job nor its result."""

    changed = Signal()
    """Scan, models, settings or offer are different."""
    progressed = Signal(object)
    """`Progress`"""
    compared = Signal(object)
    """`Comparison`: a new one, or the last with other outlines."""
    devices_known = Signal(object)
    """Tuple of `Device`."""
    said = Signal(str)
    """A remark in one sentence."""

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__()
        self.viewer = viewer
        self.jobs = Jobs()
        self.tiles = Tiles(viewer)
        self.scan_path: Path | None = None
        self.opened: Opened | None = None
        self.models: tuple[Model, ...] = ()
        self.settings = Settings()
        self.devices: tuple[Device, ...] = ()
        self.offer: Offer | None = None
        self.comparison: Comparison | None = None
        self.segmenting = Segmenting(viewer)
        self.reading = ReadingRoom(viewer)
        self.tiles.clear_canvas = self._clear_for(self.tiles)
        self.segmenting.tiles.clear_canvas = self._clear_for(self.segmenting.tiles)
        self.reading.tiles.clear_canvas = self._clear_for(self.reading.tiles)
        self.training = Training(self, viewer)
        self.drawing = Drawing(viewer, self.tiles)
        self._outlining = Jobs()
        self.wanted_threshold: float | None = None
        """Asked for by hand and not shown yet."""
        self.pair = PairView(viewer, self.tiles)
        self.maps = MapView(self, viewer)
        self._run: Run | None = None
        self.compared.connect(self.pair.offer)
        self._next: Callable[[], None] | None = None
        self._paint = QTimer(self)
        self._paint.setSingleShot(True)
        self._paint.setInterval(_PAINT)
        self._paint.timeout.connect(self._go_on)
        self._lookup = Jobs()
        self._lookup.yielded.connect(self._on_devices)
        self._warming = Jobs()
        read_units()
        self._warming.start("Warming up", warm_up)
        draw_letters(viewer)
        self._outlining.yielded.connect(self._on_outlined)
        self._outlining.ended.connect(self._on_outlining_ended)
        self.jobs.yielded.connect(self._on_event)
        self.jobs.ended.connect(self._on_ended)

    def open(self, path: Path, then: Callable[[], None] | None = None) -> None:
        """Open a scan in the background and show its reference; `then` follows if it worked.

        Raises:
            UnlearnError: Another job is under way.
        """
        self.jobs.start(f"Opening {path.name}", lambda token: tasks.opening(path, token))
        self.scan_path, self._next = path, then

    def set_models(self, models: tuple[Model, ...]) -> None:
        """Choose the models to compare, in the order of their tiles.

        Raises:
            UnlearnError: Two models of one name.
        """
        names = [model.name for model in models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UnlearnError(f"Two models are called '{twice}'; tiles need different names.")
        self.models = models
        self.changed.emit()

    def offer_live(self, title: str, start: Unlearning, checkpoint: Path) -> None:
        """Offer unlearning on the open scan: a button in the Compare dock.

        Args:
            title: On the button and, after it, on the new tile.
            start: Called in the worker thread.
            checkpoint: Where the unlearned model will lie when it is finished.
        """
        self.offer = Offer(title, start, checkpoint)
        self.changed.emit()

    def compare(self, *, keep: bool = False) -> None:
        """Reconstruct the open scan with all models.

        Args:
            keep: Show the last pictures until there are new ones, slice by slice.

        Raises:
            UnlearnError: No scan, no models, or another job is under way.
        """
        if self.opened is None:
            raise UnlearnError("No scan is open; choose a file first.")
        if not self.models:
            raise UnlearnError("No model is listed; add at least one checkpoint (.safetensors).")
        scan, models, settings = self.opened.scan, self.models, self.settings
        self.jobs.start(
            "Comparing",
            lambda token: tasks.comparing(scan, models, settings, token),
            settings.device_name,
        )
        self._run = Run(scan, models, settings)
        self._prepare_tiles(self.comparison if keep else None)

    def judge_by(self, reference: Reference) -> None:
        """Choose what errors are measured against; a finished comparison is judged anew.

        Raises:
            UnlearnError: Another job is under way.
        """
        self.judge_anew(replace(self.settings, reference=reference))

    def judge_anew(self, settings: Settings) -> None:
        """Change what is judged by; a finished comparison is judged so, an open one will be.

        Models run again only for a map that needs their k-space, which is not kept.

        Raises:
            UnlearnError: Another job is under way.
        """
        comparison, opened, before = self.comparison, self.opened, self.settings
        if comparison is None or opened is None:
            self.settings = settings
        elif find_mode(settings.mode).uses_kspace:
            self.settings = settings
            try:
                self.compare(keep=True)
            except UnlearnError:
                self.settings = before
                raise
        else:
            self.jobs.start(
                "Judging",
                lambda token: tasks.judging(comparison, opened.reference, settings, token),
            )
            self.settings = settings

    def unlearn_live(self) -> None:
        """Run the offered unlearning, then compare again with its model as one more arm.

        Raises:
            UnlearnError: Nothing is offered, or another job is under way.
        """
        if self.offer is None:
            raise UnlearnError("This scan offers no live unlearning.")
        self.jobs.start(self.offer.title, self.offer.start, self.settings.device_name)

    def add_unlearned(self, name: str, checkpoint: Path) -> None:
        """List an unlearned model, in place of one of that name, and compare with it.

        While another job runs the comparison follows it; without a scan there is none.
        """
        kept = tuple(model for model in self.models if model.name != name)
        self.set_models((*kept, Model(name, "unlearned", checkpoint)))
        if self.jobs.running:
            self._next = self.compare
        elif self.opened is not None:
            self.compare()

    def set_threshold(self, threshold: float) -> None:
        """Outline again with another threshold, in the unit of the map that is highlighted.

        A worker does; `compared` tells when outlines and figures are there. Of those that are
        asked for meanwhile the last follows.
        """
        comparison = self.comparison
        if comparison is None or not math.isfinite(comparison.threshold):
            return  # there is no map
        self.wanted_threshold = threshold
        if not self._outlining.running:
            work = partial(tasks.outlining, comparison, threshold)
            self._outlining.start("Outlining", work)

    def show_again(self, comparison: Comparison) -> None:
        """Show the last comparison with other maps and outlines."""
        self.comparison = comparison
        self.tiles.show(comparison)
        self.compared.emit(comparison)

    @property
    def busy(self) -> bool:
        """Whether any thread of this session is still at work."""
        return (
            self.jobs.running
            or self._lookup.running
            or self._warming.running
            or self._outlining.running
            or self.tiles.busy
            or self._paint.isActive()
            or self.maps.busy
            or self.training.busy
            or self.segmenting.busy
            or self.reading.busy
        )

    def look_for_devices(self) -> None:
        """Name the devices in the background, for importing torch takes seconds."""
        if not self.devices and not self._lookup.running:
            self._lookup.start("Looking for devices", tasks.listing_devices)

    def focus(self, region: Region) -> None:
        """Jump to a region in all tiles."""
        self.tiles.focus(region)

    def _clear_for(self, own: object) -> Callable[[], None]:
        """What puts away every other grid of this viewer."""

        def clear() -> None:
            for tiles in (self.tiles, self.segmenting.tiles, self.reading.tiles):
                if tiles is not own:
                    tiles.put_away()

        return clear

    def _prepare_tiles(self, before: Comparison | None) -> None:
        if self.opened is None:
            return
        header, reference = self.opened.scan.header, self.opened.reference
        names, mode = [model.name for model in self.models], self.settings.mode
        self.tiles.prepare(header, reference, "Ground truth", names, before, mode)

    def _on_event(self, event: object) -> None:
        on_canvas = isinstance(event, Opened | Glimpse | Compared)
        try:
            with painted_later(self.viewer) if on_canvas else nullcontext():
                self._show_event(event)
        except Exception as error:  # a slot that raises would leave the job without an end
            _log.exception("An event could not be shown")
            self.jobs.abort(sentence(error, "this machine"))

    def _on_outlined(self, outlined: tasks.Outlined) -> None:
        if outlined.before is not self.comparison:
            return  # there are other pictures since
        self.comparison = outlined.comparison
        if outlined.comparison.threshold == self.wanted_threshold:
            self.wanted_threshold = None
        self.tiles.mark(outlined.comparison, outlined.board)
        self.compared.emit(outlined.comparison)

    def _on_outlining_ended(self, end: End) -> None:
        wanted, self.wanted_threshold = self.wanted_threshold, None
        if end.outcome == "failed":
            self.said.emit(end.message)
        elif end.outcome == "finished" and wanted is not None:
            self.set_threshold(wanted)

    def _show_event(self, event: object) -> None:
        if isinstance(event, Opened):
            self._on_opened(event)
        elif isinstance(event, Glimpse):
            self.tiles.show_reference(event.header, event.reference)
            self.progressed.emit(Progress(event.done, event.header.slices, None, "reading"))
        elif isinstance(event, Reconstructed):
            self.tiles.show_slice(event.arm, event.index, event.image)
            self.progressed.emit(Progress(event.done, event.total, event.seconds_left))
        elif isinstance(event, Compared):
            self._on_compared(event.comparison)
        elif isinstance(event, Started):
            self.progressed.emit(Progress(0, event.steps, None, f"on {event.device}"))
        elif isinstance(event, Preparing):
            self.progressed.emit(Progress(event.done, event.total, None, "preparing"))
        elif isinstance(event, Step):
            remark = f"loss {event.loss:.4g}"
            self.progressed.emit(Progress(event.step, event.steps, event.seconds_left, remark))
        elif isinstance(event, Alarm):
            self.said.emit(event.message)
        elif isinstance(event, Finished) and not event.stopped:
            self._next = self._compare_with_unlearned

    def _on_opened(self, opened: Opened) -> None:
        self.opened, self.comparison, self.offer = opened, None, None
        self.wanted_threshold = None
        self.pair.offer(None)
        self.maps.let_go()
        self.drawing.clear()
        if opened.reference is not None:
            self.tiles.show_reference(opened.scan.header, opened.reference)
        self.changed.emit()

    def _on_compared(self, comparison: Comparison) -> None:
        first, self.wanted_threshold = self.comparison is None, None
        self.maps.take(comparison, self._run)
        self.comparison = comparison
        self.tiles.show(comparison)
        if first:
            self.tiles.go_to_most_telling_slice(comparison)
        self.compared.emit(comparison)
        if comparison.remarks:
            self.said.emit(" ".join(comparison.remarks))

    def _compare_with_unlearned(self) -> None:
        if self.offer is not None:
            self.add_unlearned(self.offer.title, self.offer.checkpoint)

    def _on_devices(self, devices: tuple[Device, ...]) -> None:
        self.devices = devices
        self.settings = replace(self.settings, device_name=devices[0].name)
        self.devices_known.emit(devices)

    def _on_ended(self, end: End) -> None:
        self._run = None
        if end.outcome != "finished":
            self._next = None
        elif self._next is not None:
            # What has just been opened is painted first; building all tiles takes seconds.
            self._paint.start()

    def _go_on(self) -> None:
        following, self._next = self._next, None
        if following is None:
            return
        try:
            following()
        except UnlearnError as error:
            self.said.emit(str(error))


_sessions: "WeakKeyDictionary[Viewer, Session]" = WeakKeyDictionary()


def session_of(viewer: "Viewer") -> Session:
    """Find the session of a viewer, or begin it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy
    if viewer not in _sessions:
        _sessions[viewer] = Session(viewer)
        viewer.window._qt_window.destroyed.connect(partial(_forget, ref(viewer)))
    return _sessions[viewer]


def _forget(viewer: "ref[Viewer]", *_: object) -> None:
    """Let go of a closed viewer: its session knows it, so that neither would ever be freed."""
    closed = viewer()
    if closed is not None:
        _sessions.pop(closed, None)
