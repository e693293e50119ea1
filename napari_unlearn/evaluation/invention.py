"""What a model invented inside an outline, and how much of it another model still paints."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic
from torch import Tensor, nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.reconstruct import reconstruct_slice
from napari_unlearn.evaluation.responsibility import Against
from napari_unlearn.mri.sampling import Mask
from napari_unlearn.mri.scan import Scan
from napari_unlearn.unlearning.batch import Batch
from napari_unlearn.unlearning.task import Reconstruction

_NOTHING = 1e-6  # of the slice's maximum: rounding of float32, far below any structure


@dataclass(frozen=True)
class Outline:
    """A region of one slice in which somebody sees something that is not there."""

    scan: Scan
    slice: int
    inside: NDArray[np.bool_]
    """(image_rows, image_columns)"""
    against: Against | None = None
    """What should be there; None takes the scan's reference, or the surroundings without one."""


@dataclass(frozen=True, eq=False)
class Invention:
    """What a model paints inside an outline and should not."""

    healed: Batch
    """The acquisition; its target is the model's image with what should be there inside."""
    painted: Tensor
    """d: the image minus what should be there; zero outside, (1, rows, columns)."""
    against: Against
    """What was taken for what should be there."""
    contrast: float
    """Root mean square of d inside the outline, as a fraction of the slice's maximum."""

    def distance(self, model: nn.Module) -> Tensor:
        """||f(x) - t||^2 / ||d||^2 with t the healed image: 1 for the model itself, 0 healed.

        Its gradient at the model is that of twice the share of d in its image, as outside of the
        outline the model agrees with itself.
        """
        answer = Reconstruction().predict(model, self.healed)
        return ((answer - self.healed.target) ** 2).sum() / (self.painted**2).sum()


def find_invention(
    outline: Outline,
    model: nn.Module,
    mask: Mask,
    device: torch.device,
    cancel: CancelToken,
) -> Invention:
    """Reconstruct the slice and take away what should be there.

    Args:
        outline: Where.
        model: As `reconstruct_slice` takes it, on `device`.
        mask: Columns that the model gets to see.
        device: Where to compute.
        cancel: Looked at before every layer.

    Raises:
        EvaluationError: if the outline does not fit the scan, or nothing is invented inside.
        Cancelled: if asked to stop.
    """
    scan, index, inside = outline.scan, outline.slice, outline.inside
    header = scan.header
    shape = (header.image_rows, header.image_columns)
    if not 0 <= index < header.slices:
        raise EvaluationError(
            f"{header.name}: there is no slice {index}; accepted: 0 to {header.slices - 1}."
        )
    if inside.shape != shape or not inside.any() or inside.all():
        raise EvaluationError(
            f"{header.name}: an outline of {int(inside.sum())} pixels in an image of "
            f"{'x'.join(map(str, inside.shape))} cannot be used; accepted: some, but not all, "
            f"pixels of {shape[0]}x{shape[1]}."
        )
    image = reconstruct_slice(scan, index, model, mask, device, cancel)
    reference = None if outline.against == "surroundings" else scan.target(index)
    if reference is None and outline.against == "reference":
        raise EvaluationError(
            f"{header.name}: no reference image to say what should be inside the outline; "
            "accepted: surroundings."
        )
    against: Against = "surroundings" if reference is None else "reference"
    expected = surroundings(image, inside) if reference is None else reference
    healed = np.where(inside, expected, image).astype(np.float32)
    maximum = float(image.max()) or 1.0
    painted = image - healed
    contrast = float(np.sqrt(np.mean(painted[inside] ** 2))) / maximum
    if not contrast > _NOTHING:
        raise EvaluationError(
            f"{header.name}: inside the outline the model paints just what the {against} "
            f"{'say' if against == 'surroundings' else 'says'}; outline something it invented."
        )
    kspace = torch.from_numpy(np.ascontiguousarray(scan.kspace(index))) * mask.lines
    batch = Batch(
        kspace=kspace[None],
        lines=mask.lines[None],
        low_frequencies=mask.low_frequencies,
        target=torch.from_numpy(healed)[None],
        maximum=torch.tensor([maximum]),
    )
    return Invention(
        batch.to(device), torch.from_numpy(painted)[None].to(device), against, contrast
    )


def surroundings(image: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The image with the region filled in smoothly from its rim, (rows, columns).

    Biharmonic inpainting: Damelin and Hoang, On Surface Completion and Image Inpainting by
    Biharmonic Functions, Int. J. Math. Math. Sci. 2018.
    """
    top = float(image.max()) or 1.0  # the algorithm's tolerances are absolute
    filled = inpaint_biharmonic(image.astype(np.float64) / top, inside)
    return (filled * top).astype(np.float32)
