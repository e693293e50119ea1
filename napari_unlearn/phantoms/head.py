"""One simulated subject of a segmentation study: a 3D head with MRBrainS18's labels."""

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.phantoms.head_anatomy import head_radius, paint_anatomy, posed
from napari_unlearn.phantoms.head_contrast import scanned
from napari_unlearn.phantoms.head_pathology import (
    PATHOLOGIES,
    Pathology,
    paint_lesions,
    paint_pathology,
    usual_pathology,
)
from napari_unlearn.phantoms.head_shape import draw_shape
from napari_unlearn.phantoms.rater import RATERS, Rater, drawn_by
from napari_unlearn.phantoms.space import Space, rotation

FIELD_OF_VIEW = (144.0, 230.0, 230.0)
"""Along depth, rows and columns, as in MRBrainS18 [mm]."""
SHAPE = (40, 56, 56)
_STREAM = 3
"""Of the seed; the 2D brain has 1 and the knee 2."""


def simulate_head(
    seed: int,
    shape: tuple[int, int, int] = SHAPE,
    *,
    pathology: Pathology | None = None,
    rater: Rater = "plain",
    variation: float = 1.0,
) -> Subject3D:
    """Draw a head, scan and label it; the same arguments give the same subject to the bit.

    Head, lesions, pathology and scan follow from `seed` by streams of their own: asking for
    an infarct leaves the rest of the head alone.

    Args:
        seed: Of the subject, 0 or more; also names it, e.g. "head-0007".
        shape: Depth, rows and columns; the field of view stays the same.
        pathology: None draws one as usual in a population.
        rater: Who labels the head; the images do not depend on it.
        variation: 0 makes all heads alike but for folding and scanner, 1 is usual, 2 the most.

    Raises:
        UnlearnError: If an argument makes no sense.
    """
    _check(seed, shape, pathology, rater, variation)
    body_rng, lesion_rng, finding_rng, scan_rng, pose_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence((seed, _STREAM)).spawn(5)
    )
    usual = usual_pathology(finding_rng)
    finding = usual if pathology is None else pathology
    body = draw_shape(body_rng, variation, atrophied=finding == "atrophy")
    grid = Space.of(shape)
    space = posed(grid, body)
    truth = paint_anatomy(space, body)
    paint_lesions(truth, space, body, variation, lesion_rng)
    paint_pathology(truth, finding, space, body, finding_rng)
    return Subject3D(
        subject=f"head-{seed:04d}",
        images=scanned(truth, head_radius(space), grid, variation, scan_rng),
        labels=drawn_by(rater, truth),
        affine=_affine(shape, pose_rng),
        source=f"simulated head, seed {seed}, pathology {finding}, rater {rater}",
    )


def _affine(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Oblique axial slices about the origin, planned up to some degrees off the scanner's axes."""
    # (z, y, x) of the phantom points to (S, P, L), the rows of an affine to (R, A, S).
    to_scanner = np.array([[0, 0, -1], [0, -1, 0], [1, 0, 0]], float)
    turn = rotation(*rng.normal(0, 0.05, 3))
    affine = np.eye(4)
    affine[:3, :3] = to_scanner @ turn * (np.array(FIELD_OF_VIEW) / shape)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def _check(
    seed: int,
    shape: tuple[int, int, int],
    pathology: str | None,
    rater: str,
    variation: float,
) -> None:
    if seed < 0:
        raise UnlearnError(f"The seed of a subject must be 0 or more, not {seed}.")
    if len(shape) != 3 or min(shape) < 16:
        raise UnlearnError(
            f"A head needs at least 16 voxels along depth, rows and columns, not {tuple(shape)}."
        )
    if pathology is not None and pathology not in PATHOLOGIES:
        raise UnlearnError(f"No pathology '{pathology}'; there are {', '.join(PATHOLOGIES)}.")
    if rater not in RATERS:
        raise UnlearnError(f"No rater '{rater}'; there are {', '.join(RATERS)}.")
    if not 0 <= variation <= 2:
        raise UnlearnError(f"The variation between heads must be 0 to 2, not {variation}.")
