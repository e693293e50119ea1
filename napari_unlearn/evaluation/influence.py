"""How much a training slice has to do with what a model invented: ways to score one slice."""

import copy
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.invention import Invention
from napari_unlearn.unlearning.batch import Batch
from napari_unlearn.unlearning.task import Reconstruction

STEPS = 60
"""Steps that healing takes at most."""
HEALED = 0.1
"""Share of the squared invention that may be left."""


class Influence(Protocol):
    """Scores training slices one by one; nothing of a slice is kept."""

    def prepare(self, invention: Invention) -> Iterator[None]:
        """Get ready; yields between two steps."""

    def score(self, batch: Batch) -> float:
        """High for a slice from which the invention was learnt."""


class Alignment(Influence):
    """Does a step of training on the slice make the model paint more of the invention?

    s = cos(-dJ(z)/dtheta, dq/dtheta),  q = <f(x), d> / <d, d>

    with J the training loss on slice z and q the share of the invention d in the image. TracIn
    with the last checkpoint alone (Pruthi et al., NeurIPS 2020), gradients at length one as in
    RelatIF (Barshan et al., AISTATS 2020): else slices with large gradients come first for all.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._task = model.eval(), Reconstruction()
        self._towards = torch.empty(0)

    def prepare(self, invention: Invention) -> Iterator[None]:
        """One backward pass on the outlined slice."""
        gradient = flat_gradient(self._model, invention.distance(self._model) / 2)
        self._towards = gradient / gradient.norm()
        yield

    def score(self, batch: Batch) -> float:
        """One forward and one backward pass."""
        gradient = flat_gradient(self._model, self._task.loss(self._model, batch))
        length = float(gradient.norm())
        return -float(gradient @ self._towards) / length if length > 0 else 0.0


class Healing(Influence):
    """Does the slice object when the model unlearns the invention?

    s = mean((f'(z) - y)^2 - (f(z) - y)^2) / max^2,  f' = f after descent on ||f(x) - t||^2

    t is the model's own image with the outline healed, so that the descent takes away the
    invention and keeps the rest of the slice; y is the training slice's reference. Steps are
    Polyak's, L / ||dL||^2, as L can be zero: no learning rate has to be chosen. The error is
    squared, and not the training loss, because 1 - SSIM answers to faint changes of dark and even
    areas more than to a structure that is gone.

    Wang et al., Data Attribution for Text-to-Image Models by Unlearning Synthesized Images,
    NeurIPS 2024, applied to a region.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._task = model.eval(), Reconstruction()
        self._healed = copy.deepcopy(model).eval()

    def prepare(self, invention: Invention) -> Iterator[None]:
        """Up to `STEPS` forward and backward passes on the outlined slice."""
        weights = [weight for weight in self._healed.parameters() if weight.requires_grad]
        for _ in range(STEPS):
            distance = invention.distance(self._healed)
            left = float(distance.detach())
            if left <= HEALED:
                return
            gradients = torch.autograd.grad(distance, weights, allow_unused=True)
            known = [gradient for gradient in gradients if gradient is not None]
            size = float(sum(gradient.square().sum() for gradient in known))
            if not size > 0:
                raise EvaluationError("The model's image does not depend on its weights there.")
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    if gradient is not None:
                        weight.sub_(gradient, alpha=left / size)
            yield

    def score(self, batch: Batch) -> float:
        """Two forward passes."""
        with torch.no_grad():
            after = self._task.predict(self._healed, batch) - batch.target
            before = self._task.predict(self._model, batch) - batch.target
        objection = (after.square() - before.square()).mean((-2, -1)) / batch.maximum**2
        return float(objection.mean())


def flat_gradient(model: nn.Module, value: Tensor) -> Tensor:
    """Gradient of a scalar over all weights, in one row.

    Raises:
        EvaluationError: if it is not finite.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    flat = torch.cat(
        [
            (torch.zeros_like(weight) if gradient is None else gradient).flatten()
            for weight, gradient in zip(weights, gradients, strict=True)
        ]
    )
    if not bool(flat.isfinite().all()):
        raise EvaluationError(
            "The model has no finite gradient on one of the slices; look for empty or damaged "
            "slices in the training sets."
        )
    return flat
