"""How smoothly a window runs: the gaps between two turns of its event loop."""

import time
from array import array
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer

from napari_unlearn.errors import UnlearnError

TURN = 1  # milliseconds between two turns while nothing holds them up
LIMIT = 50.0
"""A gap that a hand on the mouse begins to feel [ms]."""


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
    cpu: float
    """CPU time of this process, all threads, in the gap [ms]; the rest went to others."""


class Pulse(QObject):
    """Writes down when the event loop turns, phase by phase."""

    def __init__(self) -> None:
        super().__init__()
        self._turns: dict[str, array[float]] = {}
        self._cpu: dict[str, array[float]] = {}
        self._phase = ""
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TURN)
        self._timer.timeout.connect(self._on_turn)

    def begin(self, phase: str) -> None:
        """Count turns for this phase from now on; this moment is its first."""
        self._phase = phase
        self._turns[phase], self._cpu[phase] = array("d"), array("d")
        self._on_turn()
        self._timer.start()

    def pause(self) -> None:
        """Count no more until the next phase begins."""
        if self._timer.isActive():
            self._on_turn()
            self._timer.stop()

    @property
    def phases(self) -> tuple[str, ...]:
        """All that were counted, in their order."""
        return tuple(self._turns)

    def gaps(self, phase: str) -> Gaps:
        """The gaps of a phase, up to the beginning of the next."""
        return Gaps.between(self._turns[phase])

    @property
    def stalls(self) -> tuple[Stall, ...]:
        """Gaps of all phases beyond the limit."""
        found = []
        for phase, points in self._turns.items():
            turns, cpu = 1000 * np.asarray(points), 1000 * np.asarray(self._cpu[phase])
            for index in np.flatnonzero(np.diff(turns) >= LIMIT):
                gap = turns[index + 1] - turns[index]
                spent = cpu[index + 1] - cpu[index]
                at = (turns[index] - turns[0]) / 1000
                found.append(Stall(phase, float(at), float(gap), float(spent)))
        return tuple(found)

    def _on_turn(self) -> None:
        self._turns[self._phase].append(time.perf_counter())
        self._cpu[self._phase].append(time.process_time())
