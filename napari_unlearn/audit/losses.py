"""What a model loses on every sample, person by person: all that a black-box attack sees."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.audit.people import People
from napari_unlearn.evaluation.membership import Losses, patch_losses
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Task

ByPerson = Mapping[str, Losses]
"""Losses of each person's samples."""

SURE = 1e-6
"""Probabilities are kept so far from 0 and 1, where the logit has no end."""


def losses_of(
    task: Task[Any], model: nn.Module, samples: SampleSet, people: People, device: torch.device
) -> dict[str, Losses]:
    """Losses of a whole set.

    A reconstruction's samples are slices, with 1 - SSIM each; a segmentation's are patches of
    the labelled volume, with their mean cross-entropy (`evaluation.membership.patch_losses`).
    Masks are drawn from the scans' names, the same for every model.

    Returns:
        (samples,) by person.

    Raises:
        UnlearnError: if a file cannot be used.
    """
    model.eval()
    return {
        person: np.concatenate([_losses(task, model, samples.batch(n), device) for n in places])
        for person, places in people.items()
    }


def _losses(task: Task[Any], model: nn.Module, batch: Any, device: torch.device) -> Losses:
    with torch.inference_mode():
        answer = task.predict(model, batch.to(device)).float().cpu()
        if isinstance(task, Segmentation):
            return patch_losses(answer[0].numpy(), batch.target[0].numpy())
        return np.array([float(task.distance(answer, batch))])


def means(losses: ByPerson) -> NDArray[np.float64]:
    """Mean loss of every person, (people,)."""
    return np.array([own.mean() for own in losses.values()])


def confidence(task: Task[Any], losses: ByPerson) -> dict[str, Losses]:
    """Logit of how sure the model is of the truth, which is nearly normal where losses are not.

        phi = log(p / (1 - p)), p = SSIM of a slice, or exp(-cross-entropy) of a patch

    Carlini et al., Membership Inference Attacks From First Principles, IEEE S&P 2022.
    """
    entropy = isinstance(task, Segmentation)
    sure = {who: np.exp(-own) if entropy else 1 - own for who, own in losses.items()}
    kept = {who: np.clip(own, SURE, 1 - SURE) for who, own in sure.items()}
    return {who: np.log(own / (1 - own)) for who, own in kept.items()}
