"""One piece of work for the loop: which model, which samples, which strategy, how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.card import Card
from napari_unlearn.unlearning.guard import Guard, held_out
from napari_unlearn.unlearning.samples import Sample, SampleSet
from napari_unlearn.unlearning.strategy import Strategy
from napari_unlearn.unlearning.task import Reconstruction, Task

STREAMS = {"retain": 1, "forget": 2, "unseen": 3}
"""Keeps the draws for the sets apart."""


@dataclass(frozen=True)
class Job:
    """Train or unlearn: everything the loop needs, and nothing it has to guess."""

    strategy: Strategy
    card: Card
    """Architecture, role and origin of the model to make; the loop completes it."""
    folder: Path | None
    """Where checkpoint, events and metrics go; None keeps nothing on disk."""
    retain: SampleSet | None = None
    forget: SampleSet | None = None
    parent: Path | None = None
    """Checkpoint to start from; None starts from random weights."""
    task: Task = field(default_factory=Reconstruction)
    epochs: int = 1
    steps: int | None = None
    """Overrules `epochs`."""
    learning_rate: float = 1e-3
    gradient_clip: float = 0.5
    """Largest norm of the gradient."""
    batch_size: int = 1
    """Samples of each set in a step, over all processes; the gradient is their mean."""
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    """As Lightning Fabric names it, e.g. "bf16-mixed"."""
    tests: Mapping[str, SampleSet] = field(default_factory=dict)
    """Held-out sets whose quality is measured after each epoch, outside the timed cost."""
    test_every: int = 1
    """Epochs between two such measurements; the last epoch is always measured."""
    guard: Guard | None = None
    """Judges every epoch; with one, every epoch is measured."""
    preview: Sample | None = None
    """The sample in view, shown now and then while training."""
    save_seconds: float = 60.0
    """Longest time between two files to resume from."""
    unseen: SampleSet | None = None
    """Labelled samples that no model was trained on, for strategies that ask how the original
    treats such; they must not be those that figures are published on."""

    def __post_init__(self) -> None:
        """Refuse a job that would silently do nothing.

        Raises:
            UnlearnError: if a set that the strategy reads is empty, there is no original, or
                parameters make no sense together.
        """
        for name in self.strategy.reads:
            if not self.samples(name):
                raise UnlearnError(
                    f"Strategy '{self.strategy.name}' reads the {name} set, but the {name} set is "
                    "empty; name at least one scan in it."
                )
        strategy = self.strategy
        if strategy.edit is not None:
            strategy.edit.check()
        starts = strategy.prepares or strategy.adapts or "original" in strategy.teachers
        if self.parent is None and starts:
            raise UnlearnError(
                f"Strategy '{strategy.name}' starts from an original; name its checkpoint."
            )
        if self.task.name not in strategy.tasks:
            raise UnlearnError(f"Strategy '{strategy.name}' is not for {self.task.name}.")
        if strategy.adapts and not getattr(self.task, "frozen_statistics", True):
            raise UnlearnError(
                "Adapters change layers and nothing else, but this task lets statistics of batch "
                "norms follow the samples; set lora_rank to 0 or freeze the statistics."
            )
        if self.guard is not None:
            if self.task.name != "reconstruction":
                raise UnlearnError("A guard watches SSIM, which only a reconstruction has.")
            if self.parent is None:
                raise UnlearnError("A guard compares with an original; name its checkpoint.")
            self.guard.check(self.tests)
            if self.guard.rewinds and not self.forget:
                raise UnlearnError("Rewinding looks at the forget set, but that is empty.")
        if self.batch_size < 1:
            raise UnlearnError(f"A batch_size of {self.batch_size}; it must be at least 1.")
        if strategy.trains and self.total_steps < 1:
            raise UnlearnError("The budget is 0 steps; epochs or steps must be at least 1.")

    def samples(self, name: str) -> SampleSet | None:
        """The set called "forget", "retain" or "unseen"."""
        return {"forget": self.forget, "retain": self.retain, "unseen": self.unseen}[name]

    @property
    def measured(self) -> Mapping[str, SampleSet]:
        """The sets whose quality is measured; rewinding looks at the forget set as well."""
        if self.guard is not None and self.guard.rewinds and self.forget:
            return {**self.tests, "forget": self.forget}
        return self.tests

    @property
    def watched(self) -> Mapping[str, SampleSet]:
        """The one set that the guard compares with the original's figure; none without a guard."""
        if self.guard is None:
            return {}
        name = held_out(self.tests, "retain")
        return {name: self.tests[name]}

    def due(self, epoch: int, step: int) -> bool:
        """Whether the epoch that ends with this many steps is measured."""
        every = 1 if self.guard is not None else self.test_every
        return step == self.total_steps or epoch % every == 0

    @property
    def steps_per_epoch(self) -> int:
        """One pass over the larger of the sets in use, rounded up; the smaller one is cycled."""
        sizes = [
            len(samples)
            for objective, samples in (
                (self.strategy.forget, self.forget),
                (self.strategy.retain, self.retain),
            )
            if objective is not None and samples is not None
        ]
        return -(-max(sizes, default=1) // self.batch_size)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole job; 0 for a strategy that only edits weights."""
        if not self.strategy.trains:
            return 0
        return self.steps if self.steps is not None else self.epochs * self.steps_per_epoch

    def passes_until(self, step: int) -> int:
        """Forward and backward passes of the first steps: one per sample and objective asked."""
        strategy, total = self.strategy, self.total_steps
        weights = [strategy.schedule.at(number, total) for number in range(step)]
        return self.batch_size * sum(
            (strategy.forget is not None and here.forget != 0)
            + (strategy.retain is not None and here.retain != 0)
            for here in weights
        )

    def place_of(self, name: str, number: int) -> int:
        """Which sample of a set comes as `number`: a fresh seeded permutation per pass.

        Step s sees the numbers s * batch_size and following. A function of the number alone, so
        that a resumed run sees what an undisturbed one sees, and two processes what one would.

        Raises:
            UnlearnError: if the job has no such set.
        """
        samples, stream = self._known(name), STREAMS[name]
        turn, position = divmod(number, len(samples))
        return int(_order(self.seed, stream, turn, len(samples))[position])

    def batch(self, name: str, number: int) -> Any:
        """What comes as `number` of a set: sample and mask drawn from the number."""
        mask_seed = (self.seed * 7919 + number) * 4 + STREAMS[name]
        return self._known(name).batch(self.place_of(name, number), mask_seed % 2**32)

    def _known(self, name: str) -> SampleSet:
        samples = self.samples(name)
        if samples is None:
            raise UnlearnError(f"The job has no {name} set.")
        return samples


@lru_cache(maxsize=8)  # of a large set a pass's order takes milliseconds to draw
def _order(seed: int, stream: int, turn: int, samples: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, stream, turn)).permutation(samples)
