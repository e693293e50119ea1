"""What a network is asked to do; strategies know a task only through this face."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.error_map import error_map
from napari_unlearn.evaluation.image_quality import image_quality
from napari_unlearn.mri.arrays import centre_crop
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import fft2c, ifft2c
from napari_unlearn.unlearning.batch import Batch
from napari_unlearn.unlearning.losses import relative_misfit, ssim
from napari_unlearn.unlearning.samples import Sample

if TYPE_CHECKING:
    from napari_unlearn.models.varnet import VarNet


Seen = TypeVar("Seen", bound=Sample)
"""What a task's samples are."""


class Task(Protocol[Seen]):
    """How to run a network on a batch, judge it and disturb what it should learn."""

    @property
    def name(self) -> str:
        """As strategies list the tasks they are for."""

    def predict(self, model: nn.Module, batch: Seen) -> Tensor:
        """The network's answer, on the grid of `batch.target`."""

    def loss(self, model: nn.Module, batch: Seen) -> Tensor:
        """How far the network's answer is from the target."""

    def distance(self, answer: Tensor, batch: Seen) -> Tensor:
        """How far an answer is from the target; `loss` of the answer that `predict` gave."""

    def steady(self, teacher: nn.Module, batch: Seen) -> Tensor:
        """The mean of a frozen teacher's answers to the batch seen in several mirrors."""

    def disturb(
        self,
        batch: Seen,
        scale: float,
        rng: torch.Generator,
        absolute: float = 0.0,
        rectified: bool = False,
    ) -> Seen:
        """The batch with its target drowned in noise of relative size `scale`."""

    def taught(self, teacher: nn.Module, batch: Seen) -> Seen:
        """The batch with a frozen teacher's answer as its target."""

    def uninformed(self, batch: Seen) -> Seen:
        """The batch with the target that a model which learnt nothing would give."""

    def misfit(self, model: nn.Module, batch: Seen) -> Tensor:
        """How far the answer contradicts the measured data; needs no target."""

    def encode(self, model: nn.Module, batch: Seen) -> Tensor:
        """What the network's encoder makes of the batch."""

    def noise_input(self, batch: Seen, rng: torch.Generator) -> Seen:
        """The batch with noise as the network's input."""

    def quality(self, answer: Tensor, batch: Seen) -> dict[str, float]:
        """Figures of one sample's answer by name, in their own units; on the CPU."""

    def errors(self, answer: Tensor, batch: Seen) -> NDArray[np.float32] | None:
        """Error map by which highlights are calibrated; None if the task has none."""

    def picture(self, answer: Tensor) -> NDArray[Any]:
        """The first sample's answer as a person looks at it."""


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

    def encode(self, model: nn.Module, batch: Batch) -> Tensor:
        """A cascade has no encoder apart from the rest.

        Raises:
            UnlearnError: always.
        """
        raise UnlearnError("A reconstruction network has no encoder of its own.")

    def noise_input(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Only encoders are asked about noise.

        Raises:
            UnlearnError: always.
        """
        raise UnlearnError("A reconstruction network has no encoder to show noise to.")

    def quality(self, answer: Tensor, batch: Batch) -> dict[str, float]:
        """PSNR [dB] and SSIM against the reference."""
        maximum = float(batch.maximum[0])
        found = image_quality(batch.target.numpy(), answer.numpy(), maximum)
        return {"psnr": found.psnr, "ssim": found.ssim}

    def errors(self, answer: Tensor, batch: Batch) -> NDArray[np.float32]:
        """|image - reference| / maximum."""
        return error_map(answer.numpy(), batch.target.numpy(), float(batch.maximum[0]))

    def picture(self, answer: Tensor) -> NDArray[np.float32]:
        """The magnitude, (image_rows, image_columns)."""
        return answer[0].float().cpu().numpy()
