"""A probe: what does gradient descent draw out of a model when it is told only part of a sample?

No proof of privacy in either direction. It follows Fredrikson et al., Model Inversion Attacks,
CCS 2015: the attacker holds the weights and a part of the sample, and changes the input until
the model is content. Whoever was learnt by heart should come out more alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.people import People
from napari_unlearn.cancel import CancelToken
from napari_unlearn.mri.arrays import centre_crop
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import fft2c, ifft2c
from napari_unlearn.unlearning.batch import Batch
from napari_unlearn.unlearning.losses import ssim
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Reconstruction, Task
from napari_unlearn.unlearning.volumes import VolumeBatch


@dataclass(frozen=True)
class Probe:
    """How hard the attacker tries."""

    steps: int = 30
    """Of Adam."""
    rate: float = 0.05
    """Adam's, in units of the largest value of what the attacker starts from."""
    smoothness: float = 0.01
    """Weight of the mean absolute difference between neighbours (segmentation)."""
    people: int = 8
    """Members, and as many others, spread evenly over their sets; one sample of each."""

    def __post_init__(self) -> None:
        """Refuse a probe that does nothing.

        Raises:
            AuditError: naming what is accepted.
        """
        if self.steps < 1 or self.people < 2:
            raise AuditError("An inversion needs at least 1 step and 2 people of a kind.")


def likeness(
    task: Task[Any],
    model: nn.Module,
    samples: SampleSet,
    people: People,
    asked: Sequence[str],
    probe: Probe,
    device: torch.device,
    cancel: CancelToken,
) -> Iterator[tuple[str, float]]:
    """How like the true sample the one drawn out of the model is, person by person.

    Yields:
        Person and likeness: SSIM of a slice, correlation of a volume.

    Raises:
        UnlearnError: if a sample cannot be used.
    """
    model.eval().requires_grad_(False)
    for person in asked:
        cancel.check()
        batch = samples.batch(people[person][0]).to(device)
        yield person, invert(task, model, batch, probe)


def invert(task: Task[Any], model: nn.Module, batch: Any, probe: Probe) -> float:
    """Draw one sample out of a model and compare it with the true one.

    The weights are not changed. They should not ask for gradients, or time is wasted.
    """
    if isinstance(task, Segmentation):
        return _from_labels(task, model, batch, probe)
    if isinstance(task, Reconstruction):
        return _from_centre(task, model, batch, probe)
    raise AuditError(f"There is no inversion of {task.name}.")


def _from_labels(task: Segmentation, model: nn.Module, batch: VolumeBatch, probe: Probe) -> float:
    """The attacker holds the labels y and seeks the image.

        x* = argmin_x J(f(x), y) + w mean |grad x|, from x = 0

    Returns:
        Mean over the contrasts of Pearson's correlation of x* and x inside the labels.
    """
    image = torch.zeros_like(batch.image, requires_grad=True)
    optimizer = torch.optim.Adam([image], lr=probe.rate)
    for _ in range(probe.steps):
        drawn = VolumeBatch(image, batch.target, batch.classes)
        loss = task.loss(model, drawn) + probe.smoothness * _roughness(image)
        _descend(optimizer, loss)
    inside = batch.target[0] > 0
    pairs = zip(image.detach()[0], batch.image[0], strict=True)
    return float(np.mean([_correlation(own[inside], true[inside]) for own, true in pairs]))


def _from_centre(task: Reconstruction, model: nn.Module, batch: Batch, probe: Probe) -> float:
    """The attacker holds the centre lines of k-space and seeks all the others.

        k* = argmin_k 1 - SSIM(f(M k), RSS F^-1 k), k = g on the centre lines, else from 0

    at which the image is what the model itself makes of its own acquisition.

    Returns:
        SSIM of RSS F^-1 k* against the reference, minus that of the centre lines alone.
    """
    columns = batch.kspace.shape[-1]
    first = (columns - batch.low_frequencies + 1) // 2
    centre = torch.zeros(columns, dtype=torch.bool, device=batch.kspace.device)
    centre[first : first + batch.low_frequencies] = True
    known = batch.kspace * centre
    start = ifft2c(known)
    scale = float(rss(start, dim=1).max())
    # The unknown is searched for in the image, where it is everywhere of one size.
    added = torch.zeros((*start.shape, 2), device=start.device, requires_grad=True)
    optimizer = torch.optim.Adam([added], lr=probe.rate)
    size, lines = batch.target.shape[-2:], batch.lines[:, None, None, :]

    def whole() -> Tensor:
        return known + scale * fft2c(torch.view_as_complex(added)) * ~centre

    for _ in range(probe.steps):
        kspace = whole()
        image = centre_crop(rss(ifft2c(kspace), dim=1), *size)
        answer = centre_crop(model(kspace * lines, batch.lines, batch.low_frequencies), *size)
        _descend(optimizer, 1 - ssim(answer, image, batch.maximum))
    with torch.no_grad():
        before = centre_crop(rss(start, dim=1), *size)
        after = centre_crop(rss(ifft2c(whole()), dim=1), *size)
        gain = ssim(after, batch.target, batch.maximum) - ssim(before, batch.target, batch.maximum)
    return float(gain)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _roughness(image: Tensor) -> Tensor:
    """Mean absolute difference between neighbours along every axis of the volume."""
    return torch.stack([image.diff(dim=axis).abs().mean() for axis in (-3, -2, -1)]).mean()


def _correlation(own: Tensor, true: Tensor) -> float:
    """Pearson's; 0 where one of them does not vary."""
    a, b = own - own.mean(), true - true.mean()
    size = float(a.norm() * b.norm())
    return float((a * b).sum()) / size if size > 0 else 0.0
