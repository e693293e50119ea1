"""How smoothly the window runs: gaps between turns of its event loop, beside an unlearning."""

import os
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import napari
import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer

from napari_unlearn.background import in_child
from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.events import Finished, Preview, Saved, Step
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.demo import open_demo
from napari_unlearn.viewer.samples import SAMPLES, sample_path
from napari_unlearn.viewer.worker import End

TURN = 1  # milliseconds between two turns while nothing holds them up
LIMIT = 50.0
"""A gap that a hand on the mouse begins to feel [ms]."""

_SETTLE = 2000  # milliseconds from the comparison's end to the first measurement
_AFTER = 2000  # milliseconds that still count after the job's end
_ARM = 2  # the unlearned model's tile shows the preview
_PATIENCE = 300_000  # milliseconds until the benchmark gives up


@dataclass(frozen=True)
class Gaps:
    """Gaps between turns of the event loop [ms]."""

    turns: int
    seconds: float
    median: float
    p99: float
    p999: float
    worst: float
    within_limit: float
    """Share of the gaps under `LIMIT`."""
    time_within_limit: float
    """Share of the time that lies in such gaps: stalls weigh as much as they last."""

    @classmethod
    def between(cls, turns: "array[float]") -> "Gaps":
        """Gaps between points in time [s].

        Raises:
            UnlearnError: fewer than two turns.
        """
        if len(turns) < 2:
            raise UnlearnError("The event loop did not turn twice; nothing was measured.")
        gaps = 1000 * np.diff(np.asarray(turns))
        median, p99, p999 = np.percentile(gaps, [50, 99, 99.9])
        short = gaps < LIMIT
        return cls(
            turns=len(turns),
            seconds=float(gaps.sum() / 1000),
            median=float(median),
            p99=float(p99),
            p999=float(p999),
            worst=float(gaps.max()),
            within_limit=float(short.mean()),
            time_within_limit=float(gaps[short].sum() / gaps.sum()),
        )


@dataclass(frozen=True)
class Stall:
    """A gap beyond the limit."""

    phase: str
    at: float
    """Since the phase began [s]."""
    milliseconds: float


@dataclass(frozen=True)
class Report:
    """What was measured, and on what."""

    idle: Gaps
    job: Gaps
    """From just before the job starts until two seconds after it ended, its checkpoint kept."""
    stalls: tuple[Stall, ...]
    previews: int
    steps: int
    kept: bool
    """Whether the checkpoint was written."""
    cores: int
    load: tuple[float, float, float]
    """Of the machine over 1, 5 and 15 minutes when the job ended."""


class Pulse(QObject):
    """Writes down when the event loop turns."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: dict[str, array[float]] = {}
        self._turns: array[float] = array("d")
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TURN)
        self._timer.timeout.connect(self._on_turn)
        self._timer.start()

    def begin(self, phase: str) -> None:
        """Count turns for this phase from now on; this moment is its first."""
        self._turns = self.turns[phase] = array("d", [time.perf_counter()])

    def _on_turn(self) -> None:
        self._turns.append(time.perf_counter())

    def stalls(self) -> tuple[Stall, ...]:
        """Gaps of all phases beyond the limit."""
        return tuple(
            Stall(phase, turns[index] - turns[0], float(gap))
            for phase, turns in self.turns.items()
            for index, gap in enumerate(1000 * np.diff(np.asarray(turns)))
            if gap >= LIMIT
        )


class _Benchmark(QObject):
    """Opens the sample, waits, unlearns, closes; remembers what went wrong."""

    def __init__(self, viewer: napari.Viewer, dock: CompareDock, seconds: float) -> None:
        super().__init__()
        self._viewer, self._session, self._seconds = viewer, dock.session, seconds
        self.pulse = Pulse()
        self.previews = self.steps = 0
        self.kept = False
        self.failure = "The window was closed before the benchmark was over."
        self.load = (0.0, 0.0, 0.0)
        self._place = TemporaryDirectory(prefix="napari-unlearn-")
        self._session.jobs.yielded.connect(self._on_event)
        self._session.jobs.ended.connect(self._on_ended)
        self._job = False
        self._later(_PATIENCE, self._give_up)
        self._wait_for_sample()

    def _later(self, milliseconds: float, action: Callable[[], None]) -> None:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(action)
        timer.start(round(milliseconds))

    def _wait_for_sample(self) -> None:
        ready = self._session.comparison is not None and self._session.devices
        if ready and not self._session.busy:
            self._later(_SETTLE, self._measure_idle)
        else:
            self._later(100, self._wait_for_sample)

    def _measure_idle(self) -> None:
        self.pulse.begin("idle")
        self._later(1000 * self._seconds, self._start_job)

    def _start_job(self) -> None:
        # Imported here: live unlearning needs torch, which by now the comparison has loaded.
        from napari_unlearn.live import unlearn_contaminated_site

        sample = sample_path(SAMPLES[0])
        original = sample.parent / "contaminated-site" / "original.safetensors"
        index = int(self._viewer.dims.current_step[0])
        work = partial(
            unlearn_contaminated_site,
            original,
            Path(self._place.name),
            steps=100_000,
            preview=(sample, index),
        )
        self._slice = index
        self.pulse.begin("job")
        self._job = True
        self._session.jobs.start("Unlearning", lambda token: in_child(work, token))
        self._later(1000 * self._seconds, self._session.jobs.cancel)

    def _on_event(self, event: object) -> None:
        if isinstance(event, Preview):
            self.previews += 1
            self._session.tiles.show_slice(_ARM, self._slice, event.image)
        elif isinstance(event, Step):
            self.steps = event.step

    def _on_ended(self, end: End) -> None:
        if not self._job:
            return
        self.failure = end.message
        self.kept = (Path(self._place.name) / "checkpoint.safetensors").exists()
        self._later(_AFTER, self._close)

    def _close(self) -> None:
        self.load = os.getloadavg()
        self.pulse.begin("closing")
        self._viewer.close()

    def _give_up(self) -> None:
        self.failure = f"The benchmark was not over after {_PATIENCE // 1000} seconds."
        self._viewer.close()


def measure_window(seconds: float = 20.0) -> Report:
    """Open the demo and measure its event loop, idle and beside an unlearning in a child.

    The job starts in the window, draws its scans, shows a preview twice a second in a tile,
    and is stopped and kept after the given time.

    Args:
        seconds: For each of the two phases.

    Raises:
        UnlearnError: The sample data are missing, or the job failed.
    """
    sample_path(SAMPLES[0])
    viewer, dock = open_demo()
    benchmark = _Benchmark(viewer, dock, seconds)
    dock.open_sample(SAMPLES[0])
    napari.run()
    if benchmark.failure:
        raise UnlearnError(benchmark.failure)
    turns = benchmark.pulse.turns
    return Report(
        idle=Gaps.between(turns["idle"]),
        job=Gaps.between(turns["job"]),
        stalls=tuple(stall for stall in benchmark.pulse.stalls() if stall.phase != "closing"),
        previews=benchmark.previews,
        steps=benchmark.steps,
        kept=benchmark.kept,
        cores=os.cpu_count() or 1,
        load=benchmark.load,
    )
