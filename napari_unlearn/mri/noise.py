"""How noisy measured k-space is, and the regularisation that follows from it."""

import math

import torch
from torch import Tensor

from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import ifft2c
from napari_unlearn.mri.sampling import Mask

LEAST_LAMBDA = 1e-4
"""Of what is derived from data: below this the null space of a few coils is known to some percent
only (docs/hallucinations.md)."""

_EDGE = 8  # the outermost eighth of the rows at either end, a quarter of the columns
_FEW = 16
_BODY = 0.1


def noise_level(kspace: Tensor, mask: Mask) -> float:
    """Estimate the standard deviation of the complex noise of a sample, sqrt(E|n|^2).

    The median of |k|^2 in the corners of k-space, where little signal is left, over ln 2: for
    complex Gaussian noise |n|^2 is exponential. Samples that are exactly 0 were filled in, not
    measured. 0 if hardly any sample is left. What signal remains in the corners (fine
    structure in a coarse matrix) counts as noise.

    Args:
        kspace: Centred, (coils, rows, columns) complex.
        mask: Acquired columns.
    """
    rows, columns = kspace.shape[-2:]
    high, wide = max(rows // _EDGE, 1), max(2 * columns // _EDGE, 1)
    outer = mask.lines.clone()
    outer[wide : columns - wide] = False
    if not outer.any():
        outer = mask.lines
    outermost = torch.cat([kspace[..., :high, :], kspace[..., rows - high :, :]], dim=-2)
    energy = outermost[..., outer.to(kspace.device)].abs().square()
    energy = energy[energy > 0]
    if energy.numel() < _FEW:
        return 0.0
    return math.sqrt(float(energy.median()) / math.log(2))


def natural_lambda(kspace: Tensor, mask: Mask) -> float:
    """Derive lambda from the data,  (noise / signal)^2, at least `LEAST_LAMBDA`, at most 1.

    Noise per sample equals noise per pixel and coil, as the transform is orthonormal; the
    signal is the root mean square of the zero-filled image over the body (pixels above a
    tenth of its maximum). With white noise and a white prior this lambda makes
    (E* E + lam I)^-1 E* g the least-squares estimate.

    Args:
        kspace: Centred, (coils, rows, columns) complex; columns outside the mask are ignored.
        mask: Acquired columns.
    """
    image = rss(ifft2c(kspace * mask.lines.to(kspace.device)))
    inside = image > _BODY * image.max()
    if not bool(inside.any()):
        return LEAST_LAMBDA
    signal = float(image[inside].square().mean())
    return min(max(noise_level(kspace, mask) ** 2 / signal, LEAST_LAMBDA), 1.0)
