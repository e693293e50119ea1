"""What scopes and edits work with before the first step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.task import Task


@dataclass(frozen=True)
class Samples:
    """A set of samples as a function of the pass's number."""

    read: Callable[[int], Sample]
    """The sample of pass 0, 1, ..., on the device; every `count` passes show each sample once."""
    count: int


@dataclass(frozen=True)
class Bench:
    """The original on the device, and the samples it is examined with."""

    task: Task
    model: nn.Module
    """Without the loop's reduced precision: importances are squares of small numbers."""
    weights: Mapping[str, nn.Parameter]
    """Its parameters by their own names, frozen if adapters move in their place."""
    sets: Mapping[str, Samples]
    """Those in use of "forget" and "retain"."""
    learning_rate: float
    gradient_clip: float
    draw_fresh: Callable[[], Mapping[str, Tensor]] = dict
    """Weights of a network that has learnt nothing, by name: drawn from the original's seed."""

    def gradient(self, batch: Sample) -> dict[str, Tensor]:
        """dJ/dtheta of the task's loss on one batch, in evaluation mode, of frozen weights as well.

        Raises:
            UnlearnError: if it is not finite.
        """
        weights = list(self.weights.values())
        frozen = [weight for weight in weights if not weight.requires_grad]
        self.model.eval()
        for weight in frozen:
            weight.requires_grad_(True)
        loss = self.task.loss(self.model, batch)
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        for weight in frozen:
            weight.requires_grad_(False)
        self.model.train()
        gradients = {
            name: torch.zeros_like(weight) if gradient is None else gradient
            for (name, weight), gradient in zip(self.weights.items(), found, strict=True)
        }
        if not all(bool(gradient.isfinite().all()) for gradient in gradients.values()):
            raise UnlearnError(
                "The original's loss has no finite gradient on one of the samples; "
                "look for empty or damaged slices in the forget and retain sets."
            )
        return gradients
