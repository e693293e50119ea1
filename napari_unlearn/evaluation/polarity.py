"""What a region is: structure that was invented, or structure that was lost; and where it is."""

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.mri.scan import Header

REACH = 2
"""Of the differences [pixels]: an outline may run this far inside the structure's edge."""


def steepness(
    images: NDArray[np.floating], places: tuple[NDArray[np.intp], ...]
) -> NDArray[np.float64]:
    """Measure how much an image changes around some pixels, |d/drow| + |d/dcolumn| over `REACH`.

    Args:
        images: (slices, rows, columns).
        places: Slices, rows and columns of the pixels, (n,) each.

    Returns:
        (n,)
    """
    index, row, column = places
    rows, columns = images.shape[1:]

    def at(down: int, across: int) -> NDArray[np.float64]:
        there = np.clip(row + down, 0, rows - 1), np.clip(column + across, 0, columns - 1)
        return images[(index, *there)].astype(np.float64)

    return np.abs(at(REACH, 0) - at(-REACH, 0)) + np.abs(at(0, REACH) - at(0, -REACH))


def polarity(
    errors: NDArray[np.float64],
    drawn: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> NDArray[np.object_]:
    """Tell regions with invented structure from regions with lost structure.

    Where the reference is the smoother of the two something was invented, brighter or darker by
    the sign of the mean error; where the reconstruction is, something was lost.

    Args:
        errors: Mean signed error of each region, (regions,).
        drawn: Mean `steepness` of the reconstruction, (regions,).
        expected: That of the reference, (regions,).

    Returns:
        `Polarity` of each region, (regions,).
    """
    invented = np.where(errors >= 0, "brighter", "darker")
    found = np.where(expected > drawn, "lost", invented).astype(object)
    found[~np.isfinite(errors)] = "unknown"
    return found


def place_of(
    header: Header, index: int, row: float, column: float
) -> tuple[float, float, float] | None:
    """Bring a pixel of the image to the scanner's coordinates, RAS+ [mm]; None without affine."""
    if header.affine is None:
        return None
    right, front, up = (header.affine @ (index, row, column, 1.0))[:3]
    return float(right), float(front), float(up)
