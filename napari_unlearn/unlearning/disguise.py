"""A head bent a little, so that a network has to judge it by its anatomy, and the way back."""

import torch
from torch import Tensor
from torch.nn import functional

GRAIN = 6
"""Voxels between two of the points that are moved at random; between them bends are smooth."""
_TURNS = 4
"""Steps of the inverse's fixed-point iteration; bends are gentle, each step gains a digit."""


def draw_bend(shape: tuple[int, ...], amount: float, rng: torch.Generator) -> Tensor:
    """Draw a smooth displacement, (1, 3, slices, rows, columns), of standard deviation `amount`.

    Args:
        shape: slices, rows and columns.
        amount: in voxels.
        rng: on the CPU.
    """
    points = [max(2, size // GRAIN) for size in shape]
    coarse = torch.randn((1, 3, *points), generator=rng)
    smooth = functional.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)
    return smooth * (amount / smooth.std())


def bend(image: Tensor, displacement: Tensor) -> Tensor:
    """Read an image at displaced places,  y(r) = x(r + d(r)), trilinear.

    Args:
        image: (batch, channels, slices, rows, columns); beyond its border it goes on as there.
        displacement: d, (1, 3, slices, rows, columns) [voxels].
    """
    shape = image.shape[2:]
    axes = [torch.arange(size, dtype=image.dtype, device=image.device) for size in shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None] + displacement
    # grid_sample wants (column, row, slice) from -1 to 1.
    parts = [2 * places[:, axis] / max(1, shape[axis] - 1) - 1 for axis in (2, 1, 0)]
    grid = torch.stack(parts, -1).expand(len(image), -1, -1, -1, -1)
    return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)


def inverse(displacement: Tensor) -> Tensor:
    """The displacement e that undoes d,  e(r) = -d(r + e(r)), by fixed-point iteration."""
    back = -displacement
    for _ in range(_TURNS):
        back = -bend(displacement, back)
    return back
