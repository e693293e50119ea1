"""The window measured while it unlearns, as a user would have it: dock, preview, curves."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import napari
from qtpy.QtCore import QObject, QTimer

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.events import Event, Preview
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.event_loop import Gaps, Pulse, Stall
from napari_unlearn.viewer.samples import SAMPLES, sample_path
from napari_unlearn.viewer.unlearn_dock import UnlearnDock

_DOCK_WIDTH = 360
_WINDOW = (1600, 1000)
_SETTLE = 2000  # milliseconds from the launch's last work to the first measurement
_PATIENCE = 300_000  # milliseconds until the benchmark gives up


@dataclass(frozen=True)
class Report:
    """What was measured, and on what."""

    idle: Gaps
    """Before the job; everything that belongs to the launch is over."""
    job: Gaps
    """From the click on Start until the job has ended and its checkpoint is on disk."""
    result: Gaps
    """The comparison that follows: the unlearned model gets its tile."""
    stalls: tuple[Stall, ...]
    steps: int
    previews: int
    outcome: str
    cores: int
    load: tuple[float, float, float]
    """Of the machine over 1, 5 and 15 minutes when the job ended."""


class _Benchmark(QObject):
    """Waits for the sample experiment, clicks Start, stops and keeps, closes the window."""

    def __init__(self, viewer: napari.Viewer, dock: UnlearnDock, seconds: float) -> None:
        super().__init__()
        self._viewer, self._dock, self._seconds = viewer, dock, seconds
        self._session, self._training = dock.session, dock.training
        self.pulse = Pulse()
        self.steps = self.previews = 0
        self.outcome = ""
        self.failure = "The window was closed before the benchmark was over."
        self.load = (0.0, 0.0, 0.0)
        self._training.moved.connect(self._on_moved)
        self._training.ended.connect(self._on_ended)
        self._training.said.connect(self._on_said)
        self._later(_PATIENCE, self._give_up)
        self._when(lambda: bool(self._training.strategies), self._open_sample)

    def _later(self, milliseconds: float, action: Callable[[], None]) -> None:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(action)
        timer.start(round(milliseconds))

    def _when(self, ready: Callable[[], bool], action: Callable[[], None]) -> None:
        if ready() and not self._session.busy:
            self._later(_SETTLE, action)
        else:
            self._later(100, lambda: self._when(ready, action))

    def _open_sample(self) -> None:
        self._place = TemporaryDirectory(prefix="napari-unlearn-")
        self._training.sample(folder=Path(self._place.name))
        self._when(lambda: self._session.comparison is not None, self._measure_idle)

    def _measure_idle(self) -> None:
        self.pulse.begin("idle")
        self._later(1000 * self._seconds, self._start)

    def _start(self) -> None:
        self.pulse.begin("job")
        self._dock.panel.start.click()
        self._later(1000 * self._seconds, self._dock.panel.stop.click)

    def _on_moved(self, event: Event) -> None:
        if isinstance(event, Preview):
            self.previews += 1

    def _on_ended(self) -> None:
        self.pulse.begin("result")
        self.load = os.getloadavg()
        log = self._training.log
        if log is not None:
            self.steps, self.outcome = log.step, log.state
        self._later(_SETTLE, lambda: self._when(lambda: True, self._close))

    def _on_said(self, text: str, wrong: bool) -> None:
        if wrong and not self._session.busy:
            self.failure = text
            self._close()

    def _close(self) -> None:
        self.pulse.stop()
        log = self._training.log
        if self.outcome in ("finished", "kept"):
            self.failure = ""
        elif log is not None:
            self.failure = log.message or "The job kept nothing."
        self._viewer.close()

    def _give_up(self) -> None:
        self.failure = f"The benchmark was not over after {_PATIENCE // 1000} seconds."
        self._viewer.close()


def measure_window(seconds: float = 20.0) -> Report:
    """Open the Unlearn dock on the sample experiment and measure the window's event loop.

    First idle, then beside a job in its own process: it is started with a click, shows the
    slice in view twice a second and its curves, and is stopped and kept; then while the
    result gets its tile.

    Args:
        seconds: Idle, and until the job is stopped; it may end sooner by itself.

    Raises:
        UnlearnError: The sample data are missing, or the job failed.
    """
    sample_path(SAMPLES[0])
    viewer = napari.Viewer(title="napari-unlearn", show=False, show_welcome_screen=False)
    dock = UnlearnDock(viewer)
    viewer.window.add_dock_widget(dock, name="Unlearn", area="right")
    layout.calm(dock, width=_DOCK_WIDTH)
    viewer.window.show()
    dock.window().resize(*_WINDOW)  # type: ignore[union-attr]
    benchmark = _Benchmark(viewer, dock, seconds)
    napari.run()
    if benchmark.failure:
        raise UnlearnError(benchmark.failure)
    pulse = benchmark.pulse
    return Report(
        idle=pulse.gaps("idle"),
        job=pulse.gaps("job"),
        result=pulse.gaps("result"),
        stalls=pulse.stalls,
        steps=benchmark.steps,
        previews=benchmark.previews,
        outcome=benchmark.outcome,
        cores=os.cpu_count() or 1,
        load=benchmark.load,
    )
