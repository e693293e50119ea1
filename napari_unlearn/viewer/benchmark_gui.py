"""The window measured under load: while it unlearns, opens large files, segments, is looked at."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import napari
from qtpy.QtCore import QObject, QTimer

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.viewer import benchmark_parts, layout
from napari_unlearn.viewer.benchmark_files import SMALL_HEAD, SMALL_SCAN
from napari_unlearn.viewer.benchmark_parts import SETTLE, Bench, Load, Wait
from napari_unlearn.viewer.event_loop import LIMIT, Gaps, Stall
from napari_unlearn.viewer.samples import SAMPLES, sample_path
from napari_unlearn.viewer.unlearn_dock import UnlearnDock

PARTS = ("bare", "training", "file", "looking", "volume")

_DOCK_WIDTH = 360
_WINDOW = (1600, 1000)
_LOOK = 100  # milliseconds between two looks whether it has come true
_PATIENCE = 400_000  # milliseconds until the benchmark gives up


@dataclass(frozen=True)
class Report:
    """What was measured, and on what."""

    gaps: dict[str, Gaps]
    """Of every phase, in their order."""
    stalls: tuple[Stall, ...]
    facts: dict[str, float | str]
    """What happened beside: steps, bytes, seconds."""
    cores: int
    load: tuple[float, float, float]
    """Of the machine over 1, 5 and 15 minutes in the end."""


class _Script(QObject):
    """Lets a generator go on whenever what it waits for has come; closes the window in the end."""

    def __init__(self, bench: Bench, steps: Iterator[Wait]) -> None:
        super().__init__()
        self._bench, self._steps = bench, steps
        self.failure = "The window was closed before the benchmark was over."
        bench.session.jobs.ended.connect(self._on_ended)
        bench.session.segmenting.jobs.ended.connect(self._on_ended)
        bench.dock.training.said.connect(self._on_said)
        self._later(_PATIENCE, self._give_up)
        self._later(_LOOK, self._go_on)

    def _later(self, milliseconds: float, action: Callable[[], None]) -> None:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(action)
        timer.start(round(milliseconds))

    def _go_on(self) -> None:
        try:
            wait = next(self._steps)
        except StopIteration:
            self._close("")
            return
        except UnlearnError as error:
            self._close(str(error))
            return
        except Exception:  # the window would stay open, and the benchmark wait for ever
            self._close("The benchmark failed; the terminal says why.")
            raise
        if callable(wait):
            self._when(wait)
        else:
            self._later(1000 * wait, self._go_on)

    def _when(self, ready: Callable[[], bool]) -> None:
        if ready() and not self._bench.session.busy:
            self._go_on()
        else:
            self._later(_LOOK, lambda: self._when(ready))

    def _on_ended(self, end: object) -> None:
        if getattr(end, "outcome", "") == "failed":
            self._close(getattr(end, "message", ""))

    def _on_said(self, text: str, wrong: bool) -> None:
        if wrong and not self._bench.session.busy:
            self._close(text)

    def _give_up(self) -> None:
        self._close(f"The benchmark was not over after {_PATIENCE // 1000} seconds.")

    def _close(self, failure: str) -> None:
        self._bench.pulse.pause()
        self.failure = failure
        self._bench.viewer.close()


def measure_window(
    seconds: float = 20.0, parts: Sequence[str] = (), *, small: bool = False
) -> Report:
    """Open the Unlearn dock and measure the window's event loop while it has work to do.

    The parts: napari alone with as many layers; a job in its own process, started and stopped
    with a click, with its preview and curves; a large file; a finished comparison whose slices
    and threshold change; a large volume, segmented window by window.

    Args:
        seconds: Idle, and until the job is stopped; it may end sooner by itself.
        parts: Of `PARTS`, in this order; empty takes all.
        small: With small files, to try the benchmark itself.

    Raises:
        WrongUse: There is no such part.
        UnlearnError: The sample data are missing, or a job failed.
    """
    strange = next((part for part in parts if part not in PARTS), None)
    if strange is not None:
        raise WrongUse(f"There is no part '{strange}'; accepted: {', '.join(PARTS)}.")
    load = Load(seconds, SMALL_SCAN, SMALL_HEAD) if small else Load(seconds)
    sample_path(SAMPLES[0])
    viewer = napari.Viewer(title="napari-unlearn", show=False, show_welcome_screen=False)
    dock = UnlearnDock(viewer)
    viewer.window.add_dock_widget(dock, name="Unlearn", area="right")
    layout.calm(dock, width=_DOCK_WIDTH)
    viewer.window.show()
    dock.window().resize(*_WINDOW)  # type: ignore[union-attr]
    with TemporaryDirectory(prefix="napari-unlearn-", ignore_cleanup_errors=True) as place:
        bench = Bench(viewer, dock, load, Path(place))
        script = _Script(bench, _steps(bench, parts or PARTS))
        napari.run()
    if script.failure:
        raise UnlearnError(script.failure)
    return Report(
        gaps={phase: bench.pulse.gaps(phase) for phase in bench.pulse.phases},
        stalls=bench.pulse.stalls,
        facts=bench.facts,
        cores=os.cpu_count() or 1,
        load=os.getloadavg(),
    )


def _steps(bench: Bench, parts: Sequence[str]) -> Iterator[Wait]:
    yield lambda: bool(bench.dock.training.strategies)
    yield SETTLE
    for part in parts:
        yield from getattr(benchmark_parts, part)(bench)
        bench.pulse.pause()


def report_text(report: Report) -> str:
    """A table of the phases, the stalls one by one, and what happened beside."""
    head = ("gaps [ms]", "50 %", "99 %", "99.9 %", "worst", "turns", f"under {LIMIT:.0f} ms")
    lines = ["{:<20}{:>8}{:>8}{:>8}{:>8}{:>8}{:>13}".format(*head)]
    lines += [
        f"{name:<20}{gaps.median:>8.1f}{gaps.p99:>8.1f}{gaps.p999:>8.1f}{gaps.worst:>8.1f}"
        f"{gaps.turns:>8}{100 * gaps.within_limit:>11.3f} %"
        for name, gaps in report.gaps.items()
    ]
    lines += [
        f"{stall.phase}, {stall.at:.2f} s: {stall.milliseconds:.0f} ms, "
        f"{stall.cpu:.0f} ms of them at work"
        for stall in report.stalls
    ]
    lines += [f"{name}: {value}" for name, value in report.facts.items()]
    load = ", ".join(f"{each:.1f}" for each in report.load)
    return "\n".join([*lines, f"{report.cores} cores, load {load}."])
