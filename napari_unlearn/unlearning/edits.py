"""Forgetting in one go: weights changed before the first step, without a schedule."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

import torch
from torch import Tensor

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.bench import Bench
from napari_unlearn.unlearning.importance import fisher
from napari_unlearn.unlearning.parameters import Range


class Edit(Protocol):
    """A change of the original's weights, cancellable after each pass over a sample."""

    pass_work: ClassVar[float] = 1.0
    """What one pass costs, in steps: 1 is forward and backward."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Sets it looks at: "forget", "retain"."""
        return ()

    def check(self) -> None:
        """Refuse parameters that make no sense together, before any work."""
        return

    def passes(self, bench: Bench) -> int:
        """How often it will yield."""
        return 0

    def apply(self, bench: Bench) -> Generator[None, None, None]:
        """Change `bench.weights` in place; only a generator run to its end leaves an edit."""


@dataclass(frozen=True)
class Dampen(Edit):
    """Shrink the weights that matter more for the forget set than for all data (SSD).

    theta_i <- min(dampening * F_i / F_f,i, 1) * theta_i   where F_f,i > alpha * F_i
    F_i = forget_part * F_f,i + (1 - forget_part) * F_r,i

    F_f and F_r are diagonal Fisher informations on the forget set and on the retain samples at
    hand; F is that of all training data, in which the forget set had the share `forget_part`
    (1/11 in the paper on MRI). `alpha * forget_part` must be below 1, or nothing is selected.

    Foster et al., Fast Machine Unlearning Without Retraining Through Selective Synaptic
    Dampening, AAAI 2024.
    """

    alpha: Annotated[float, Range(0, 1000, "times F")] = 5.0
    dampening: Annotated[float, Range(0, 10, "of F / F_f; the paper's lambda")] = 1.0
    forget_part: Annotated[float, Range(0, 0.5, "of the training data")] = 1 / 11

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sets."""
        return ("forget", "retain")

    def check(self) -> None:
        """Refuse an alpha beyond which nothing can be selected.

        Raises:
            UnlearnError: naming both values.
        """
        if self.alpha * self.forget_part >= 1:
            raise UnlearnError(
                f"Parameters alpha {self.alpha:g} and forget_part {self.forget_part:g} select no "
                "weight; their product must be below 1."
            )

    def passes(self, bench: Bench) -> int:
        """One per sample."""
        return sum(bench.sets[name].count for name in self.reads)

    def apply(self, bench: Bench) -> Generator[None, None, None]:
        """Estimate both informations, then multiply."""
        forget = yield from fisher(bench, "forget")
        retain = yield from fisher(bench, "retain")
        with torch.no_grad():
            for name, factor in self.factors(forget, retain).items():
                bench.weights[name].mul_(factor)

    def factors(
        self, forget: Mapping[str, Tensor], retain: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What each weight is multiplied with, 0 to 1; 1 where it is not selected."""
        result = {}
        for name, own in forget.items():
            whole = self.forget_part * own + (1 - self.forget_part) * retain[name]
            selected = own > self.alpha * whole
            shrunk = (self.dampening * whole / torch.where(selected, own, 1)).clamp(max=1)
            result[name] = torch.where(selected, shrunk, 1)
        return result


@dataclass(frozen=True)
class Negate(Edit):
    """Go against the direction in which learning more of the forget set would lead.

    theta <- theta_G - scaling * (theta_f - theta_G),  theta_f = theta_G fine-tuned on D_f

    The fine-tuning is plain Adam at the job's rate, `tuning_passes` times over the forget set.

    Ilharco et al., Editing Models with Task Arithmetic, ICLR 2023.
    """

    scaling: Annotated[float, Range(0, 10, "of the task vector")] = 1.0
    tuning_passes: Annotated[int, Range(1, 100, "times over the forget set")] = 2

    @property
    def reads(self) -> tuple[str, ...]:
        """Only the forget set."""
        return ("forget",)

    def passes(self, bench: Bench) -> int:
        """One per fine-tuning step."""
        return self.tuning_passes * bench.sets["forget"].count

    def apply(self, bench: Bench) -> Generator[None, None, None]:
        """Fine-tune in place, then mirror the way that was gone.

        Raises:
            UnlearnError: if the fine-tuning diverges.
        """
        weights = list(bench.weights.values())
        start = [weight.detach().clone() for weight in weights]
        optimizer = torch.optim.Adam(weights, lr=bench.learning_rate)
        for step in range(self.passes(bench)):
            loss = bench.task.loss(bench.model, bench.sets["forget"].read(step))
            if not bool(loss.isfinite()):
                raise UnlearnError(
                    f"Fine-tuning on the forget set diverged at step {step + 1}; a smaller "
                    "learning rate keeps it finite."
                )
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            torch.nn.utils.clip_grad_norm_(weights, bench.gradient_clip)
            optimizer.step()
            optimizer.zero_grad()
            yield
        with torch.no_grad():
            for weight, origin in zip(weights, start, strict=True):
                weight.copy_(origin - self.scaling * (weight - origin))
