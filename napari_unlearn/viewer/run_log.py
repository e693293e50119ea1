"""One run as far as it has come: what the dock draws, whenever it is opened."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.events import (
    Alarm,
    EpochEnd,
    Event,
    Finished,
    Paused,
    Preparing,
    Preview,
    Saved,
    Started,
    Step,
)

State = Literal[
    "starting", "preparing", "running", "paused", "finished", "kept", "aborted", "failed"
]


@dataclass(eq=False)
class RunLog:
    """Takes in the events of one run."""

    order: Order
    name: str
    """What the user reads: the run's folder."""
    steps_per_epoch: int
    task: str = "reconstruction"
    state: State = "starting"
    device: str = ""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, loss), at most ten a second."""
    epochs: list[EpochEnd] = field(default_factory=list)
    previews: dict[int, NDArray[Any]] = field(default_factory=dict)
    """Last picture of each epoch, a slice or the labels of a volume; 0 is the state before the
    first step."""
    preview: NDArray[Any] | None = None
    """The newest picture."""
    alarms: list[str] = field(default_factory=list)
    message: str = ""
    """One sentence if it failed."""
    checkpoint: Path | None = None
    """Where the model lies once it is kept."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("finished", "kept", "aborted", "failed")

    @property
    def epoch(self) -> float:
        """How many epochs have gone by."""
        return self.step / self.steps_per_epoch

    def place(self, epoch: int) -> float:
        """Where an epoch ended, in epochs: the last one may be cut short by the budget."""
        return min(float(epoch), self.steps / self.steps_per_epoch) if self.steps else float(epoch)

    def figures(self, epoch: int) -> dict[str, float]:
        """Metrics measured at the end of an epoch; empty if they were not."""
        return next((each.metrics for each in self.epochs if each.epoch == epoch), {})

    def take(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Started():
                self.device, self.steps, self.step = event.device, event.steps, event.resumed_at
                self.state = "running"
            case Preparing():
                self.state = "preparing"
            case Step():
                self.state = "running"
                self.step, self.seconds_left = event.step, event.seconds_left
                self.losses.append((event.step, event.loss))
            case EpochEnd():
                self.epochs.append(event)
            case Preview():
                self.preview = event.image
                if event.epoch is not None:
                    self.previews[event.epoch] = event.image
            case Paused():
                self.state = "running" if event.resumed else "paused"
            case Alarm():
                self.alarms.append(event.message)
            case Saved():
                self.checkpoint = event.path
            case Finished():
                self.seconds_left = 0.0
                if event.path is None:
                    self.state = "aborted" if event.stopped else "finished"
                else:
                    self.checkpoint = event.path
                    self.state = "kept" if event.stopped else "finished"
