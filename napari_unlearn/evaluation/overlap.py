"""How well label maps overlap, structure by structure, in units that a reader can picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.mri.subject3d import STRUCTURE_NAMES, structure_name

Labels = NDArray[np.integer]
Mask = NDArray[np.bool_]

PERCENTILE = 95.0
"""Of the surface distances; the largest one alone would be decided by a single voxel."""


@dataclass(frozen=True)
class StructureScore:
    """One structure of one subject as a model labels it, against the truth."""

    label: int
    name: str
    dice: float | None
    """2 |A and B| / (|A| + |B|): 0 where the model misses the structure, None where the truth
    has none of it, as there is nothing to overlap with."""
    hd95: float | None
    """Distance of the surfaces [mm], see `hausdorff_95`; None where one of the two is empty."""
    volume: float
    """As labelled [ml]."""
    true_volume: float
    """[ml]"""


def score_structures(
    labels: Labels,
    truth: Labels,
    voxel_size: tuple[float, float, float],
    names: Sequence[str] = STRUCTURE_NAMES,
) -> tuple[StructureScore, ...]:
    """Scores of the structures that the labels or the truth show, in the order of their values.

    Args:
        labels: (depth, rows, columns), 0 is the background.
        truth: the same shape.
        voxel_size: along (depth, row, column) [mm].
        names: of the label values; values beyond are called by their number.

    Raises:
        EvaluationError: if the two do not have one shape.
    """
    _check(labels, truth)
    millilitres = float(np.prod(voxel_size)) / 1000
    found = []
    for value in np.union1d(labels, truth).tolist():
        if value == 0:
            continue
        own, true = labels == value, truth == value
        volume, true_volume = int(own.sum()), int(true.sum())
        found.append(
            StructureScore(
                label=int(value),
                name=structure_name(value, names),
                dice=2 * int((own & true).sum()) / (volume + true_volume) if true_volume else None,
                hd95=hausdorff_95(own, true, voxel_size),
                volume=volume * millilitres,
                true_volume=true_volume * millilitres,
            )
        )
    return tuple(found)


def hausdorff_95(one: Mask, other: Mask, voxel_size: tuple[float, float, float]) -> float | None:
    """The 95 % Hausdorff distance [mm]; None where one of the two is empty.

        HD95 = max(P95 of d(a, B) over a in A, P95 of d(b, A) over b in B)

    A and B are the surfaces: voxels of which a face neighbour is outside, or which lie at the
    border of the volume. As MRBrainS18's own evaluation defines it, but for the surface, which
    is taken in three dimensions.
    """
    inside = one | other
    if not (one.any() and other.any()):
        return None
    # Distances within the box of both are those within the whole volume, sooner.
    box = tuple(_span(places) for places in np.nonzero(inside))
    surfaces = [_surface(one[box]), _surface(other[box])]
    ends = []
    for here, there in (surfaces, surfaces[::-1]):
        distances = distance_transform_edt(~there, sampling=voxel_size)[here]
        ends.append(float(np.percentile(distances, PERCENTILE)))
    return max(ends)


def voxel_agreement(labels: Labels, other: Labels) -> float:
    """Share of equal voxels among those that either calls something else than background.

    1 where both are background throughout.

    Raises:
        EvaluationError: if the two do not have one shape.
    """
    _check(labels, other)
    inside = (labels != 0) | (other != 0)
    return float((labels == other)[inside].mean()) if inside.any() else 1.0


def mae(probabilities: NDArray[np.floating], truth: Labels) -> float:
    """Mean over voxels and classes of |p - y|, y 1 for the true class and 0 for the others.

    Args:
        probabilities: (classes, depth, rows, columns)
        truth: (depth, rows, columns)

    Raises:
        EvaluationError: if they do not lie on one grid.
    """
    _check(probabilities[0], truth)
    apart = [np.abs(own - (truth == label)).mean() for label, own in enumerate(probabilities)]
    return float(np.mean(apart))


def _surface(mask: Mask) -> Mask:
    # Eroding counts everything beyond the box as outside.
    return mask & ~binary_erosion(mask)


def _span(places: NDArray[np.intp]) -> slice:
    return slice(int(places.min()), int(places.max()) + 1)


def _check(one: NDArray, other: NDArray) -> None:
    if one.shape != other.shape:
        raise EvaluationError(
            f"Label maps of shapes {one.shape} and {other.shape} cannot be compared voxel by voxel."
        )
