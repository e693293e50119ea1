"""What happens in the parts of the window's benchmark; each is a script of waits.

A script yields seconds, or what has to come true before it goes on; then no job is under way.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import psutil
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.scan import Header
from napari_unlearn.unlearning.events import Event, Preview
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.benchmark_files import (
    FASTMRI_BRAIN,
    HEAD_CT,
    BytesRead,
    write_large_head,
    write_large_scan,
    write_small_segmenter,
)
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.event_loop import Pulse
from napari_unlearn.viewer.progress import Progress
from napari_unlearn.viewer.samples import SAMPLES
from napari_unlearn.viewer.segment_dock import SegmentDock
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.viewer.session import Session
    from napari_unlearn.viewer.unlearn_dock import UnlearnDock

Wait = float | Callable[[], bool]

SETTLE = 2.0
"""From the end of one thing's last work to the next measurement [s]."""

_GLANCE = 10  # milliseconds between two looks whether a picture is there
_LOOK = 0.6  # seconds after which a change is on the screen
_TURNS = 8  # slices that are turned to, thresholds that are tried
_TILES = 8  # of napari alone: four pictures over four maps, each with its outlines
_SIZE = 96
_FILES = (("first large file", True), ("large file", True), ("without images", False))
"""Phase, and whether the file holds reference images. Only the first makes a layer."""


@dataclass(frozen=True)
class Load:
    """How long, and how large the files are that are opened."""

    seconds: float = 20.0
    """Idle, and until the job is stopped; it may end sooner by itself."""
    scan: Header = FASTMRI_BRAIN
    volume: tuple[int, int, int] = HEAD_CT
    """Slices, rows, columns that are segmented."""


@dataclass
class Bench:
    """What the parts share."""

    viewer: "Viewer"
    dock: "UnlearnDock"
    load: Load
    folder: Path
    pulse: Pulse = field(default_factory=Pulse)
    facts: dict[str, float | str] = field(default_factory=dict)

    @property
    def session(self) -> "Session":
        """Of the viewer."""
        return self.dock.session

    def add(self, dock: QWidget, name: str) -> None:
        """Lay another dock over the first."""
        self.viewer.window.add_dock_widget(dock, name=name, area="right", tabify=True)


def bare(bench: Bench) -> Iterator[Wait]:
    """With napari alone: what nothing of ours can be faster than."""
    viewer, pulse = bench.viewer, bench.pulse
    values = np.random.default_rng(0).random((_TURNS, _SIZE, _SIZE)).astype(np.float32)
    pulse.begin("napari: picture")
    added: list[Any] = [viewer.add_image(values, contrast_limits=(0, 1), name="napari 0")]
    yield SETTLE
    grid = viewer.canvas.grid
    grid.stride, grid.shape, grid.enabled = 2, (2, _TILES // 2), True
    added.append(viewer.add_shapes(ndim=3))
    for number in range(1, _TILES):
        values = values[::-1].copy()
        added.append(viewer.add_image(values, contrast_limits=(0, 1), name=f"napari {number}"))
        added.append(viewer.add_shapes(ndim=3))
    yield SETTLE
    pulse.begin("napari: slice")
    yield from _turn_slices(bench, _TURNS)
    pulse.begin("napari: tile more")
    for layer in (viewer.add_image(values, contrast_limits=(0, 1)), viewer.add_shapes(ndim=3)):
        added.append(layer)
    yield SETTLE
    pulse.pause()
    layout.remove(viewer, added)
    grid.enabled = False
    yield SETTLE


def training(bench: Bench) -> Iterator[Wait]:
    """The sample experiment: idle, then a job with preview and curves, then its result's tile."""
    previews: list[Event] = []
    ended: list[bool] = []
    run, pulse = bench.dock.training, bench.pulse
    run.sample(folder=bench.folder / "site")
    yield lambda: bench.session.comparison is not None
    yield SETTLE
    pulse.begin("idle")
    yield bench.load.seconds

    def note(event: Event) -> None:
        previews.extend([event] if isinstance(event, Preview) else [])

    def end() -> None:
        ended.append(True)
        pulse.begin("result")

    run.moved.connect(note)
    run.ended.connect(end)
    pulse.begin("job")
    bench.dock.panel.start.click()
    yield bench.load.seconds
    bench.dock.panel.stop.click()
    yield lambda: bool(ended)
    yield SETTLE
    pulse.pause()
    run.moved.disconnect(note)
    run.ended.disconnect(end)
    log = run.log
    if log is None or log.state not in ("finished", "kept"):
        raise UnlearnError((log.message if log else "") or "The job kept nothing.")
    bench.facts |= {"steps": log.step, "previews": len(previews), "outcome": log.state}


def file(bench: Bench) -> Iterator[Wait]:
    """A large multi-coil file, with its reference images and without."""
    bench.add(CompareDock(bench.viewer), "Compare")
    session = bench.session
    session.tiles.put_away()
    yield lambda: bool(session.devices)  # torch is imported for them: part of the launch
    for number, (name, stored) in enumerate(_FILES):
        path = bench.folder / f"large-{number}.h5"
        write_large_scan(path, bench.load.scan, stored=stored)
        yield SETTLE
        seen: list[float] = []
        before, began, counter = session.opened, time.monotonic(), BytesRead()

        def note(*_: object, seen: list[float] = seen, began: float = began) -> None:
            if session.tiles.busy:
                QTimer.singleShot(_GLANCE, note)
            else:
                seen.append(time.monotonic() - began)

        session.changed.connect(note)  # a whole reference is shown
        session.progressed.connect(note)  # or the first slices of one
        bench.pulse.begin(name)
        session.open(path)
        yield lambda before=before: session.opened is not before  # type: ignore[misc]
        yield SETTLE
        bench.pulse.pause()
        session.changed.disconnect(note)
        session.progressed.disconnect(note)
        size = path.stat().st_size
        bench.facts[f"{name} [MB]"] = round(size / 1e6, 1)
        if counter.so_far is not None:
            bench.facts[f"{name}: read [%]"] = round(100 * counter.so_far / size, 2)
        bench.facts[f"{name}: picture after [s]"] = round(seen[0], 2)
        bench.facts[f"{name}: all of it read in [s]"] = round(_seconds_to_read(path), 2)
        path.unlink()
    session.tiles.put_away()


def looking(bench: Bench) -> Iterator[Wait]:
    """A finished comparison of a sample: other slices, other thresholds."""
    dock = CompareDock(bench.viewer)
    bench.add(dock, "Compare")
    bench.session.comparison = None
    bench.pulse.begin("comparison")
    dock.open_sample(SAMPLES[0])
    yield lambda: bench.session.comparison is not None
    yield SETTLE
    comparison = bench.session.comparison
    assert comparison is not None
    bench.pulse.begin("slice")
    yield from _turn_slices(bench, bench.session.opened.scan.header.slices)  # type: ignore[union-attr]
    bench.pulse.begin("threshold")
    for turn in range(_TURNS):
        bench.session.set_threshold(comparison.threshold * (0.6 + 0.1 * turn))
        yield _LOOK
    bench.pulse.pause()


def volume(bench: Bench) -> Iterator[Wait]:
    """A large volume: opened, segmented window by window, looked at in 2D and in 3D."""
    bench.add(SegmentDock(bench.viewer), "Segment")
    path = write_large_head(bench.folder / "head.nii", bench.load.volume)
    model = write_small_segmenter(bench.folder / "model.safetensors")
    segmenting, pulse = bench.session.segmenting, bench.pulse
    yield SETTLE
    pulse.begin("volume opens")
    segmenting.open(path)
    yield lambda: segmenting.opened is not None
    yield SETTLE
    segmenting.set_models((Model("Model", "unlearned", model),))
    windows: list[str] = []
    most = [0]

    def note(progress: Progress) -> None:
        windows.extend([progress.remark] if progress.remark else [])
        most[0] = max(most[0], _memory_of_children())

    segmenting.progressed.connect(note)
    began = time.monotonic()
    pulse.begin("inference")
    segmenting.segment()
    yield lambda: segmenting.labelled is not None and bool(segmenting.labelled.arms)
    bench.facts["inference [s]"] = round(time.monotonic() - began, 1)
    bench.facts["windows"] = len(windows)
    bench.facts["inference: memory of its process [MB]"] = most[0] // 10**6
    segmenting.progressed.disconnect(note)
    yield SETTLE
    pulse.begin("volume slice")
    for index in np.linspace(0, bench.load.volume[0] - 1, _TURNS).astype(int).tolist():
        segmenting.tiles.go_to(index)
        yield _LOOK
    pulse.begin("volume in 3D")
    segmenting.tiles.set_3d(True)
    yield SETTLE
    pulse.begin("volume turned in 3D")
    for turn in range(3):
        bench.viewer.scene.camera.angles = (0.0, 20.0 * turn, 90.0)
        yield _LOOK
    pulse.pause()
    segmenting.tiles.put_away()


def _memory_of_children() -> int:
    """Of the largest child of this process [bytes]."""
    largest = 0
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it may just have ended
            largest = max(largest, child.memory_info().rss)
    return largest


def _turn_slices(bench: Bench, slices: int) -> Iterator[Wait]:
    for turn in range(slices):
        bench.viewer.dims.set_current_step(0, turn)
        yield _LOOK


def _seconds_to_read(path: Path) -> float:
    """All k-space of a file at once, as a program does that knows no better."""
    began = time.monotonic()
    with h5py.File(path) as stored:
        np.asarray(stored["kspace"])
    return time.monotonic() - began
