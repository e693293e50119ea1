"""An unlearning that somebody ordered: small enough to send to another process or to queue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unlearn.cancel import CancelToken
from napari_unlearn.unlearning.events import Event
from napari_unlearn.unlearning.parameters import Number

if TYPE_CHECKING:
    from napari_unlearn.io.subject_files import SubjectFiles
    from napari_unlearn.unlearning.guard import Guard
    from napari_unlearn.unlearning.job import Job


@dataclass(frozen=True)
class Order:
    """Which strategy, with which settings, on which run of which experiment."""

    experiment: Path
    """experiment.toml, or its folder."""
    strategy: str
    values: Mapping[str, Number] = field(default_factory=dict)
    epochs: int | None = None
    steps: int | None = None
    """Overrules epochs; None of both takes the experiment's budget."""
    retain_fraction: float | None = None
    device: str = "auto"
    run_name: str | None = None
    """Folder under runs/; None takes the strategy's name."""
    resume: bool = False
    guard: "Guard | None" = None
    """Judges every epoch; None takes the experiment's limit, if it has one."""
    forget: tuple[str, ...] = ()
    """Scans or subjects of the forget set that this request is about; none means all."""
    parent: str = "original"
    """The run to start from."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids of subjects or paths of scans of "retain" and "forget" where they are others than the
    file's."""
    measures_forget: bool = False
    """Whether the forget set's quality is measured after an epoch beside that of the tests."""
    preview: "tuple[Path | SubjectFiles, int] | None" = None
    """Scan or subject, and its slice, to show now and then."""

    @property
    def run(self) -> str:
        """Its folder under runs/."""
        return self.run_name or self.strategy

    def job(self) -> "Job":
        """The whole job, its data opened.

        Raises:
            UnlearnError: if the experiment, a scan, the strategy or a value is wrong.
        """
        # Here and below: whoever only writes an order, a window for one, need not import torch.
        from napari_unlearn.experiment import Experiment

        experiment = Experiment.load(self.experiment).with_members(self.members)
        job = experiment.unlearning_job(
            self.strategy,
            self.values,
            epochs=self.epochs,
            steps=self.steps,
            retain_fraction=self.retain_fraction,
            device=self.device,
            run_name=self.run_name,
            guard=self.guard,
            forget=self.forget,
            parent=self.parent,
        )
        if self.measures_forget and job.forget is not None:
            job = replace(job, tests={"forget": job.forget, **job.tests})
        if self.preview is None:
            return job
        return replace(job, preview=experiment.kind.look(experiment, *self.preview))


def carry_out(order: Order, cancel: CancelToken) -> Iterator[Event]:
    """Run an ordered unlearning and tell what happens.

    Raises:
        UnlearnError: as `Order.job` and the loop.
    """
    from napari_unlearn.unlearning.loop import train

    yield from train(order.job(), cancel, resume=order.resume)
