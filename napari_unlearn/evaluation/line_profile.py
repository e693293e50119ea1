"""Intensity of every model along a line that somebody drew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.error import EvaluationError


@dataclass(frozen=True)
class DrawnLine:
    """A line, or several joined end to end, on one slice."""

    slice: int
    points: tuple[tuple[float, float], ...]
    """(row, column) [pixels]; pixel centres lie at whole numbers."""
    number: int = 0
    """What it is called in the window, from 1."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Intensities along a line."""

    distance: NDArray[np.float64]
    """From the first point on [mm], (samples,)."""
    values: dict[str, NDArray[np.float64]]
    """By name, reference first: fraction of the volume maximum, (samples,)."""


def line_profile(comparison: Comparison, line: DrawnLine) -> Profile:
    """Sample reference and reconstructions along a line, linearly between pixel centres.

    Samples lie half of the smaller pixel side apart or closer; beyond the image the nearest
    pixel counts.

    Raises:
        EvaluationError: No such slice, or a line without length.
    """
    slices = comparison.arms[0].images.shape[0]
    if not 0 <= line.slice < slices:
        raise EvaluationError(
            f"Line {line.number} lies on slice {line.slice}; the scan has slices 0 to {slices - 1}."
        )
    points = np.asarray(line.points, dtype=float).reshape(-1, 2)
    _, row, column = comparison.header.voxel_size
    steps = np.hypot(*(np.diff(points, axis=0) * (row, column)).T)
    corners = np.concatenate([[0.0], np.cumsum(steps)])
    if corners[-1] <= 0:
        raise EvaluationError(
            f"Line {line.number} has no length; draw it from one point to another."
        )
    count = int(np.ceil(2 * corners[-1] / min(row, column))) + 1
    distance = np.linspace(0, corners[-1], count)
    places = np.stack([np.interp(distance, corners, points[:, axis]) for axis in (0, 1)])
    return Profile(
        distance,
        {
            name: map_coordinates(volume[line.slice].astype(float), places, order=1, mode="nearest")
            / comparison.maximum
            for name, volume in volumes(comparison).items()
        },
    )


def volumes(comparison: Comparison) -> dict[str, NDArray[np.float32]]:
    """All that is shown of a scan by name: the reference first, then the models."""
    shown = (
        {} if comparison.reference is None else {comparison.reference_name: comparison.reference}
    )
    return shown | {arm.name: arm.images for arm in comparison.arms}
