"""When a strategy forgets, when it repairs, and how fast it learns."""

from dataclasses import dataclass
from math import cos, pi
from typing import Annotated, Protocol

from napari_unlearn.unlearning.parameters import Range


@dataclass(frozen=True)
class Weights:
    """What one step does: weight of each objective (0 leaves it out), learning-rate factor."""

    forget: float
    retain: float
    rate: float


class Schedule(Protocol):
    """From the step's place in the whole to its weights."""

    def at(self, step: int, steps: int) -> Weights:
        """Weights of step `step` (from 0) of `steps`."""


def decayed(done: float, decay: float) -> float:
    """1, then a half cosine down to 0 over the last share `decay`; `done` in [0, 1)."""
    if decay <= 0 or done < 1 - decay:
        return 1.0
    return 0.5 * (1 + cos(pi * (done - (1 - decay)) / decay))


@dataclass(frozen=True)
class Together:
    """Both objectives in every step, the rate decayed at the end; decay 0 keeps it constant."""

    decay: Annotated[float, Range(0, 1, "of the steps")] = 0.4

    def at(self, step: int, steps: int) -> Weights:
        """Both weights are 1."""
        return Weights(1.0, 1.0, decayed(step / steps, self.decay))


@dataclass(frozen=True)
class Beside(Together):
    """Both in every step, the retain objective with a weight; 0 forgets without any repair."""

    retain_weight: Annotated[float, Range(0, 100, "of the retain loss; 0: none")] = 1.0

    def at(self, step: int, steps: int) -> Weights:
        """The same at every step but for the rate."""
        return Weights(1.0, self.retain_weight, decayed(step / steps, self.decay))


@dataclass(frozen=True)
class ForgetThenRepair:
    """First forget, then only repair on retain samples with a rate that decays to zero."""

    forget_share: Annotated[float, Range(0, 1, "of the steps")] = 1 / 3
    retain_meanwhile: Annotated[float, Range(0, 1, "weight while forgetting")] = 0.0

    def at(self, step: int, steps: int) -> Weights:
        """Weights of the part that the step lies in."""
        first = round(self.forget_share * steps)
        if step < first:
            return Weights(1.0, self.retain_meanwhile, 1.0)
        return Weights(0.0, 1.0, decayed((step - first) / max(steps - first, 1), 1.0))


@dataclass(frozen=True)
class RepairForgetRepair:
    """First repair what an edit broke, then forget and repair together, then only repair.

    The rate falls to zero twice: at the end of the first part, so that the network it leaves
    is a settled one to learn from, and at the end of all.
    """

    repair_share: Annotated[float, Range(0, 1, "of the steps, at first")] = 0.25
    forget_share: Annotated[float, Range(0, 1, "of the steps, thereafter")] = 0.25
    first_rate: Annotated[float, Range(0, 10, "of the learning rate")] = 3.0
    second_rate: Annotated[float, Range(0, 10, "of the learning rate")] = 2.0

    def at(self, step: int, steps: int) -> Weights:
        """Weights of the part that the step lies in."""
        first, forget = round(self.repair_share * steps), round(self.forget_share * steps)
        if step < first:
            return Weights(0.0, 1.0, self.first_rate * decayed(step / first, 1.0))
        rate = self.second_rate * decayed((step - first) / (steps - first), 1.0)
        return Weights(1.0 if step < first + forget else 0.0, 1.0, rate)


@dataclass(frozen=True)
class Alternate:
    """Blocks of retain steps and blocks of forget steps in turn, then only retain steps.

    A retain block comes first, so that an objective relative to the original has a gradient
    when its turn comes. `block` 0 does both in every step instead of in turn.
    """

    block: Annotated[int, Range(0, 100_000, "steps; 0: both in every step")] = 1
    forget_until: Annotated[float, Range(0, 1, "of the steps")] = 2 / 3
    decay: Annotated[float, Range(0, 1, "of the steps")] = 0.4

    def at(self, step: int, steps: int) -> Weights:
        """One of the two weights is 1, or both are."""
        rate = decayed(step / steps, self.decay)
        if step >= round(self.forget_until * steps):
            return Weights(0.0, 1.0, rate)
        if self.block == 0:
            return Weights(1.0, 1.0, rate)
        turn = (step // self.block) % 2
        return Weights(float(turn), float(1 - turn), rate)
