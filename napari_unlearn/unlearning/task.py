"""What a network is asked to do; strategies know a task only through this face."""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor, nn

from napari_unlearn.mri.arrays import centre_crop
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import fft2c, ifft2c
from napari_unlearn.unlearning.batch import Batch
from napari_unlearn.unlearning.losses import relative_misfit, ssim

if TYPE_CHECKING:
    from napari_unlearn.models.varnet import VarNet


class Task(Protocol):
    """How to run a network on a batch, judge it and disturb what it should learn."""

    name: str

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """The network's answer, on the grid of `batch.target`."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """How far the network's answer is from the target."""

    def distance(self, answer: Tensor, batch: Batch) -> Tensor:
        """How far an answer is from the target; `loss` of the answer that `predict` gave."""

    def steady(self, teacher: nn.Module, batch: Batch) -> Tensor:
        """The mean of a frozen teacher's answers to the batch seen in several mirrors."""

    def disturb(
        self,
        batch: Batch,
        scale: float,
        rng: torch.Generator,
        absolute: float = 0.0,
        rectified: bool = False,
    ) -> Batch:
        """The batch with its target drowned in noise of relative size `scale`."""

    def taught(self, teacher: nn.Module, batch: Batch) -> Batch:
        """The batch with a frozen teacher's answer as its target."""

    def uninformed(self, batch: Batch) -> Batch:
        """The batch with the target that a model which learnt nothing would give."""

    def misfit(self, model: nn.Module, batch: Batch) -> Tensor:
        """How far the answer contradicts the measured data; needs no target."""


MIRRORS: tuple[tuple[int, ...], ...] = ((), (-2,), (-1,), (-2, -1))


def mirrored(batch: Batch, axes: tuple[int, ...]) -> Batch:
    """The acquisition of the mirrored subject: image axes -2 (rows) and -1 (columns) turned.

    Frequency k of a turned column axis is -k of the original: index N - c instead of c, with 0
    (and for odd N no index at all) left in place.
    """
    if not axes:
        return batch
    lines = batch.lines
    if -1 in axes:
        lines = torch.flip(lines, (-1,))
        lines = torch.roll(lines, 1, -1) if lines.shape[-1] % 2 == 0 else lines
    kspace = fft2c(torch.flip(ifft2c(batch.kspace), axes)) * lines[:, None, None, :]
    return replace(batch, kspace=kspace, lines=lines, target=torch.flip(batch.target, axes))


class Reconstruction:
    """Undersampled multi-coil k-space to a magnitude image.

    loss = 1 - SSIM(f(x), y), data range = volume maximum (the paper's code adds
    1e-5 L1 in raw fastMRI units, which is below its rounding).
    """

    name = "reconstruction"

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Root sum of squares over the coils, (batch, image_rows, image_columns)."""
        image = model(batch.kspace, batch.lines, batch.low_frequencies)
        return centre_crop(image, *batch.target.shape[-2:])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """1 - SSIM."""
        return self.distance(self.predict(model, batch), batch)

    def distance(self, answer: Tensor, batch: Batch) -> Tensor:
        """1 - SSIM of an image."""
        return 1 - ssim(answer, batch.target, batch.maximum)

    def steady(self, teacher: nn.Module, batch: Batch) -> Tensor:
        """Mean over the image as it is, upside down, left to right, and both."""
        with torch.no_grad():
            answers = [
                torch.flip(self.predict(teacher, mirrored(batch, axes)), axes) for axes in MIRRORS
            ]
        return torch.stack(answers).mean(0)

    def disturb(
        self,
        batch: Batch,
        scale: float,
        rng: torch.Generator,
        absolute: float = 0.0,
        rectified: bool = False,
    ) -> Batch:
        """Target y + (scale * max(y) + absolute) * n, n ~ N(0, I) or its absolute value."""
        noise = torch.randn(batch.target.shape, generator=rng).to(batch.target)
        size = scale * batch.maximum.view(-1, 1, 1) + absolute
        return batch.with_target(batch.target + size * (noise.abs() if rectified else noise))

    def taught(self, teacher: nn.Module, batch: Batch) -> Batch:
        """Target = the teacher's image; the volume's maximum stays the data range."""
        with torch.no_grad():
            return batch.with_target(self.predict(teacher, batch))

    def uninformed(self, batch: Batch) -> Batch:
        """Target = the zero-filled image, RSS of F^-1 g."""
        image = rss(ifft2c(batch.kspace), dim=1)
        return batch.with_target(centre_crop(image, *batch.target.shape[-2:]))

    def misfit(self, model: nn.Module, batch: Batch) -> Tensor:
        """||M (k_hat - g)|| / ||g|| with the network's complex multi-coil k-space k_hat."""
        kspace = cast("VarNet", model).kspace(batch.kspace, batch.lines, batch.low_frequencies)
        return relative_misfit(kspace, batch.kspace, batch.lines)
