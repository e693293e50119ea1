"""What the loop tells while it works; terminal and window consume the same."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Started:
    """Data and model are ready; the first step comes next."""

    title: str
    steps: int
    device: str
    """By name, e.g. "CPU (2 threads)" or "NVIDIA H200"."""
    resumed_at: int = 0


@dataclass(frozen=True)
class Preparing:
    """Masks are drawn up or weights edited before the first step; at most ten a second."""

    done: int
    """Passes over one sample so far."""
    total: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """Progress, at most ten a second."""

    step: int
    steps: int
    epoch: int
    loss: float
    seconds: float
    """Since the start, evaluation and saving excluded."""
    seconds_left: float


@dataclass(frozen=True)
class EpochEnd:
    """One pass is over, with the quality measured after it."""

    epoch: int
    """From 1; 0 is the state after a weight edit, before any step, and its loss is 0."""
    loss: float
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Preview:
    """What the model makes of the slice in view right now."""

    step: int
    image: NDArray[Any]
    """A slice in float32, or the labels of a volume in uint8."""
    epoch: int | None = None
    """Set for the last picture of an epoch; 0 is the state before the first step."""

    @property
    def at(self) -> str:
        """When it was, in words."""
        return f"step {self.step}" if self.epoch is None else f"epoch {self.epoch}"


@dataclass(frozen=True)
class Paused:
    """The work waits; `resumed` tells that it goes on."""

    step: int
    resumed: bool = False


@dataclass(frozen=True)
class Saved:
    """A whole checkpoint is on disk."""

    path: Path
    step: int
    """Whose weights it holds; an earlier one than the last if a guard chose so."""


@dataclass(frozen=True)
class Alarm:
    """Something a person should know, in one sentence."""

    message: str


@dataclass(frozen=True)
class Finished:
    """The job is over; `stopped` says whether it ended early, `path` None that nothing was kept."""

    steps: int
    seconds: float
    path: Path | None
    stopped: bool = False
    shares: dict[str, float] = field(default_factory=dict, compare=False)
    """Where the time of this process went, by part (`stopwatch.Part`), "arithmetic" first; sums to
    1."""


Event = Started | Preparing | Step | EpochEnd | Preview | Paused | Saved | Alarm | Finished
