"""Objectives that look at what the encoder makes of a sample, not at the answer."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unlearn.unlearning.context import Context, Teacher
from napari_unlearn.unlearning.objectives import Objective, same_grid
from napari_unlearn.unlearning.parameters import Range
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.task import Task

Weight = Annotated[float, Range(0, 100, "of the retain loss")]


@dataclass(frozen=True)
class RandomFeatures(Objective):
    """Encode the forget samples as Gaussian noise.

    loss = weight * mean (E(x) - n)^2,  n ~ N(0, spread^2 I), drawn anew in every step
    """

    weight: Weight = 1.0
    spread: Annotated[float, Range(0, 100, "sd of the noise")] = 1.0

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """Mean squared difference of the features."""
        features = task.encode(model, batch)
        noise = torch.randn(features.shape, generator=context.rng).to(features)
        return self.weight * functional.mse_loss(features, self.spread * noise)


@dataclass(frozen=True)
class EncodeAsOther(Objective):
    """Encode a forget sample as the original encodes a retain sample.

    loss = weight * mean (E(x_f) - E_0(x_r))^2,  x_r the retain sample of the same step
    """

    weight: Weight = 1.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Whose encoder it is."""
        return ("original",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The other sample."""
        return ("retain",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """Mean squared difference of the features."""
        return self.weight * _apart(task, model, batch, context, context.read("retain"))


@dataclass(frozen=True)
class EncodeAsNoise(Objective):
    """Encode a forget sample as the original encodes an image of noise.

    loss = weight * mean (E(x_f) - E_0(n))^2,  n ~ N(0, I), drawn anew in every step
    """

    weight: Weight = 1.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Whose encoder it is."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """Mean squared difference of the features."""
        noise = task.noise_input(batch, context.rng)
        return self.weight * _apart(task, model, batch, context, noise)


def _apart(task: Task, model: nn.Module, batch: Sample, context: Context, other: Sample) -> Tensor:
    """How far the sample's features are from those that the original has of another one.

    Raises:
        UnlearnError: if the two do not lie on one grid.
    """
    original = context.teachers["original"]
    there = context.told("features of original", other, lambda: task.encode(original, other))
    here = task.encode(model, batch)
    same_grid(here, there)
    return functional.mse_loss(here, there)
