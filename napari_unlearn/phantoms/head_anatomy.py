"""The label map of a head: from the skull's inside to the brain stem."""

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.mri.subject3d import Structure
from napari_unlearn.phantoms.head_shape import HeadShape
from napari_unlearn.phantoms.space import Array, Mask, Space, rotation

Labels = NDArray[np.uint8]
_SIDES = (-1, 1)

SKULL = 0.90
"""Where the skull begins, as a fraction of the distance to the skin."""


def posed(space: Space, shape: HeadShape) -> Space:
    """Coordinates in which this head is an average one: warped, tilted and scaled."""
    along_z, along_y, along_x = (shape.warp * space.sample(field) for field in shape.fields.warps)
    return space.warped((along_z, along_y, along_x), rotation(*shape.tilt), shape.scale)


def head_radius(space: Space) -> Array:
    """1 on the skin, `SKULL` where the skull begins."""
    return space.radius((0, 0, 0), (0.98, 0.95, 0.86))


def paint_anatomy(space: Space, shape: HeadShape) -> Labels:
    """Label the healthy head, (depth, rows, columns)."""
    labels = np.full(space.z.shape, Structure.BACKGROUND, np.uint8)
    _paint_cerebrum(labels, space, shape)
    _paint_deep_grey(labels, space, shape)
    labels[_ventricles(space, shape)] = Structure.VENTRICLE
    _paint_hindbrain(labels, space, shape)
    # A large cerebellum would reach through the skull.
    labels[head_radius(space) >= SKULL] = Structure.BACKGROUND
    return labels


def _paint_cerebrum(labels: Labels, space: Space, shape: HeadShape) -> None:
    """Fluid, in it a folded surface, under that a ribbon of cortex around white matter."""
    fields, atrophy = shape.fields, shape.atrophy
    radius = space.radius((0.05, 0, 0), (0.80, 0.80, 0.70))
    # Where the field crosses zero the surface is drawn inwards, more so further out.
    sulcus = np.exp(-((space.sample(fields.folds) / 0.24) ** 2))
    depth = (0.26 + 0.06 * atrophy) * np.clip((radius - 0.4) / 0.4, 0, 1)
    surface = 0.93 - 0.03 * atrophy - depth * sulcus
    between = np.abs(space.x) < 0.035 + 0.015 * atrophy
    surface[between & (space.z > 0.05) & (radius > 0.62)] = 0.55
    ribbon = shape.cortex + shape.cortex_variation * space.sample(fields.thickness)
    labels[radius < 1] = Structure.CSF
    labels[radius < surface] = Structure.CORTICAL_GREY
    labels[radius < surface - ribbon] = Structure.WHITE


def _paint_deep_grey(labels: Labels, space: Space, shape: HeadShape) -> None:
    size = shape.deep_grey
    for side, at in zip(_SIDES, shape.deep_grey_at, strict=True):
        striatum = (0.17 * size, 0.24 * size, 0.12 * size)
        thalamus = (0.10 * size, 0.13 * size, 0.10 * size)
        labels[space.ellipsoid((-0.02, at, 0.26 * side), striatum)] = Structure.BASAL_GANGLIA
        labels[space.ellipsoid((-0.10, 0.22, 0.13 * side), thalamus)] = Structure.BASAL_GANGLIA


def _ventricles(space: Space, shape: HeadShape) -> Mask:
    """Two lateral ventricles, bent outwards in front and behind, and the third below."""
    wide = np.sqrt(shape.ventricles)
    fluid = space.ellipsoid((-0.06, 0.10, 0.0), (0.16, 0.16, 0.03 * wide))
    bend = 0.11 + 0.10 * np.clip(space.y, -0.1, 1) ** 2
    for side in _SIDES:
        size = wide * (1 + shape.asymmetry if side > 0 else 1.0)
        # A very uneven pair may draw a negative factor; a slit is the least there is.
        size = max(size, 0.3)
        across = (space.x - side * bend) / (0.075 * size)
        along = (space.y - 0.02) / (0.44 * np.sqrt(size))
        upwards = (space.z - 0.16) / (0.13 * size)
        fluid |= across**2 + along**2 + upwards**2 < 1
    return fluid


def _paint_hindbrain(labels: Labels, space: Space, shape: HeadShape) -> None:
    """Cerebellum in a rim of fluid below the tentorium, and the brain stem in front of it."""
    size = shape.cerebellum
    below = space.z < -0.2
    inside = labels != Structure.BACKGROUND
    centres = [(-0.52, 0.42, 0.17 * side) for side in _SIDES]
    for centre in centres:
        rim = space.ellipsoid(centre, (0.29 * size, 0.34 * size, 0.30 * size))
        labels[rim & below & inside] = Structure.CSF
    for centre in centres:
        lobe = space.ellipsoid(centre, (0.25 * size, 0.30 * size, 0.26 * size))
        labels[lobe & below] = Structure.CEREBELLUM
    # The stem leans backwards on its way down to the neck.
    axis = 0.08 + 0.15 * (space.z + 0.5)
    stem = ((space.y - axis) / (0.14 * size)) ** 2 + (space.x / (0.13 * size)) ** 2 < 1
    labels[stem & (space.z < -0.22) & (space.z > -0.9)] = Structure.BRAIN_STEM
