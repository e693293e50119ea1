"""The same work again and again in one process: memory, threads and files must not grow."""

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import psutil
from scipy.stats import theilslopes

WARM_UP = 0.2
"""Share of the cycles in which caches fill and which are not judged."""


@dataclass(frozen=True)
class Load:
    """What the process holds after a cycle, everything collectable collected."""

    memory: float
    """Resident, without what the C library keeps for later [KiB]."""
    threads: int
    files: int
    """Open file descriptors (handles on Windows)."""
    objects: int
    """Of Python, known to the garbage collector."""
    widgets: int = 0
    """Of Qt, alive in the application."""
    sessions: int = 0
    """Of ours, one per window."""

    @classmethod
    def now(cls) -> "Load":
        """Collect, trim the heap, and count."""
        gc.collect()
        gc.collect()  # what the first one's finalizers let go
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).malloc_trim(0)
        process = psutil.Process()
        count = process.num_fds if hasattr(process, "num_fds") else process.num_handles
        qt, viewer = sys.modules.get("qtpy.QtWidgets"), "napari_unlearn.viewer.session"
        session = sys.modules[viewer].Session if viewer in sys.modules else ()
        alive = gc.get_objects()
        return cls(
            process.memory_info().rss / 1024,
            process.num_threads(),
            count(),
            len(alive),
            len(qt.QApplication.allWidgets()) if qt is not None else 0,
            sum(type(each) is session for each in alive),
        )


@dataclass(frozen=True)
class Trend:
    """Growth per cycle after the warm-up: Theil-Sen slope with its 95 % interval."""

    name: str
    first: float
    last: float
    slope: float
    low: float
    high: float

    @property
    def grows(self) -> bool:
        """Whether chance cannot explain the growth."""
        return self.low > 0


def trends(loads: Sequence[Load]) -> list[Trend]:
    """How each quantity went on after the warm-up."""
    kept = loads[int(WARM_UP * len(loads)) :]
    found = []
    for field in fields(Load):
        values = np.array([getattr(load, field.name) for load in kept], dtype=float)
        slope, _, low, high = theilslopes(values, np.arange(len(values)), 0.95)
        found.append(Trend(field.name, values[0], values[-1], slope, low, high))
    return found


def jobs(study: Path, count: int) -> Iterator[Load]:
    """Unlearn so many times in this process, each with loop, measures, checkpoint and record."""
    from napari_unlearn.cancel import CancelToken
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.unlearning.loop import train

    for _ in range(count):
        job = Experiment.load(study).unlearning_job("nl-ft", {}, run_name="soak", device="cpu")
        for _ in train(job, CancelToken()):
            pass
        yield Load.now()


def windows(samples: Path, count: int, *, own: bool = True) -> Iterator[Load]:
    """Open a window, open a scan, compare two models on it and close, so many times.

    Without `own` an empty window of napari is opened and closed: what that leaves is napari's.
    """
    import napari
    from napari.qt import get_qapp

    app = get_qapp()
    for _ in range(count):
        viewer = napari.Viewer()
        viewer.window.resize(800, 500)
        if own:
            _work(viewer, samples, app.processEvents)
        viewer.close()
        del viewer
        _for(0.1, app.processEvents)
        # Windows that Qt was asked to delete later go with the next turn of the event loop.
        app.sendPostedEvents(None, 52)
        yield Load.now()


def _work(viewer: object, samples: Path, turn: Callable[[], None]) -> None:
    from napari_unlearn.viewer.compare import CompareDock
    from napari_unlearn.viewer.read_dock import ReadDock
    from napari_unlearn.viewer.segment_dock import SegmentDock
    from napari_unlearn.viewer.tasks import Model

    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    for other in (SegmentDock, ReadDock):
        viewer.window.add_dock_widget(other(viewer), name=other.__name__, tabify=True)
    session, place = dock.session, samples / "contaminated-site"
    dock.open_scan(samples / "brain_site_b.h5")
    _until(lambda: not session.busy, turn)
    session.set_models(
        tuple(
            Model(role.capitalize(), role, place / f"{role}.safetensors")
            for role in ("original", "oracle")
        )
    )
    session.compare()
    _until(lambda: not session.busy, turn)
    if session.comparison is None:
        raise RuntimeError("the comparison did not come to its end")
    _for(0.1, turn)


def _until(done: Callable[[], bool], turn: Callable[[], None]) -> None:
    until = time.monotonic() + 60
    while not done():
        turn()
        time.sleep(0.002)
        if time.monotonic() > until:
            raise TimeoutError(f"still busy, threads {threading.enumerate()}")


def _for(seconds: float, turn: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        turn()
        time.sleep(0.002)
