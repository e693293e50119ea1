"""What a head carries besides its anatomy: lesions always, one large finding sometimes."""

from typing import Literal, get_args

import numpy as np

from napari_unlearn.mri.subject3d import Structure
from napari_unlearn.phantoms.head_anatomy import Labels
from napari_unlearn.phantoms.head_shape import HeadShape
from napari_unlearn.phantoms.space import Space

Pathology = Literal["none", "infarct", "cyst", "tumour", "atrophy"]
PATHOLOGIES: tuple[Pathology, ...] = get_args(Pathology)

_CEREBRUM = (Structure.CORTICAL_GREY, Structure.BASAL_GANGLIA, Structure.WHITE, Structure.LESION)
_HINDBRAIN = (Structure.BACKGROUND, Structure.CEREBELLUM, Structure.BRAIN_STEM)


def usual_pathology(rng: np.random.Generator) -> Pathology:
    """Two of three heads have no large finding."""
    return PATHOLOGIES[rng.choice(len(PATHOLOGIES), p=(0.66, 0.12, 0.08, 0.04, 0.10))]


def paint_lesions(
    labels: Labels, space: Space, shape: HeadShape, variation: float, rng: np.random.Generator
) -> None:
    """Three to eleven white-matter lesions, most of them beside the ventricles."""
    rough = 1 + 0.2 * space.sample(shape.fields.edges)
    for _ in range(rng.integers(3, 4 + int(8 * variation))):
        side = rng.choice((-1.0, 1.0))
        centre = (
            rng.uniform(0.10, 0.42),
            rng.uniform(-0.48, 0.48),
            side * (0.16 + abs(rng.normal(0, 0.10))),
        )
        radius = rng.uniform(0.045, 0.10)
        inside = space.radius(centre, (radius, radius, radius)) < rough
        labels[inside & (labels == Structure.WHITE)] = Structure.LESION


def paint_pathology(
    labels: Labels,
    pathology: Pathology,
    space: Space,
    shape: HeadShape,
    rng: np.random.Generator,
) -> None:
    """Write the large finding into a label map, in place; atrophy is a matter of the shape.

    An infarct is a core (infarction) in a gliotic rim (labelled as lesion); a cyst is open
    to the ventricle and labelled as such; a tumour sits on the brain's surface ("other").
    """
    side = rng.choice((-1.0, 1.0))
    y, z = rng.uniform(-0.4, 0.4), rng.uniform(0.05, 0.45)
    rough = 1 + 0.16 * space.sample(shape.fields.edges)
    if pathology == "infarct":
        reach = space.radius((z, y, 0.42 * side), (0.24, 0.24, 0.24)) / rough
        cerebrum = np.isin(labels, _CEREBRUM)
        labels[cerebrum & (reach < 1)] = Structure.LESION
        labels[cerebrum & (reach < 0.7)] = Structure.INFARCTION
    elif pathology == "cyst":
        reach = space.radius((z, y, 0.42 * side), (0.20, 0.20, 0.20)) / rough
        labels[~np.isin(labels, _HINDBRAIN) & (reach < 1)] = Structure.VENTRICLE
    elif pathology == "tumour":
        reach = space.radius((z, y, 0.58 * side), (0.20, 0.20, 0.17)) / rough
        labels[~np.isin(labels, _HINDBRAIN) & (reach < 1)] = Structure.OTHER
