"""Known false structures and known losses, to test detectors of hallucinations on.

A structure is a soft-edged disc of known place, size and contrast. Drawn into the coil images
of a reconstruction it is invented; drawn into the object (the reference and the measured
lines) but not into its reconstruction it is lost. Either way the reconstruction departs from
the reference by a known amount. Two ways to plant:

    "plain"       the whole structure is wrong, also where lines were measured
    "consistent"  only what the measured lines leave open is wrong: the reconstruction agrees
                  with them, as that of a network with data consistency would
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, binary_fill_holes, distance_transform_edt

from napari_unlearn.mri.arrays import to_image, to_kspace

Kind = Literal["invented", "lost"]
Way = Literal["plain", "consistent"]
Kspace = NDArray[np.complex64]

DIAMETERS = (8.0, 14.0, 22.0)
"""Of the discs [mm]."""
CONTRASTS = (0.15, 0.3, 0.5)
"""Brighter or darker than what was there, fraction of the volume's maximum."""

_EDGE = 0.4  # width of a disc's soft edge [pixels]
_BODY = 0.1  # of the maximum
_APART = 6  # between two structures [pixels]
_LEAST = 0.02  # of what was there remains under a dark structure


@dataclass(frozen=True)
class Structure:
    """One disc."""

    kind: Kind
    row: float
    column: float
    """Of its centre in the image [pixels]."""
    diameter: float
    """[mm]"""
    contrast: float
    """Fraction of the volume's maximum; < 0 is darker."""
    pixel: tuple[float, float]
    """Height and width of a pixel [mm]."""

    def distance(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Distance of every pixel from the centre, as a multiple of the radius, (rows, columns)."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        down, across = (rows - self.row) * self.pixel[0], (columns - self.column) * self.pixel[1]
        return np.hypot(down, across) / (self.diameter / 2)

    def support(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Pixels that belong to it, (rows, columns)."""
        return self.distance(shape) < 1

    def drawing(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """What it adds to an image of maximum 1, (rows, columns)."""
        outside = (self.distance(shape) - 1) * (self.diameter / 2) / np.mean(self.pixel)
        return self.contrast / (1 + np.exp(np.clip(outside / _EDGE, -60, 60)))


def body_of(reference: NDArray[np.floating], maximum: float) -> NDArray[np.bool_]:
    """Pixels of the body: above a tenth of the volume's maximum, holes filled, (rows, columns)."""
    return binary_fill_holes(reference > _BODY * maximum)


def draw_structures(
    reference: NDArray[np.floating],
    maximum: float,
    pixel: tuple[float, float],
    rng: np.random.Generator,
    count: int = 4,
) -> tuple[Structure, ...]:
    """Draw structures of all sizes and contrasts, apart from each other, wholly in the body.

    Where the body has no room for so many there are fewer, down to none. A structure that
    what is there is not bright enough to be darkened by is brighter.

    Args:
        reference: (rows, columns).
        maximum: Of the volume.
        pixel: Height and width [mm].
        rng: Everything is drawn from it.
        count: At most so many; invented and lost ones take turns.
    """
    free = body_of(reference, maximum)
    found: list[Structure] = []
    for number in range(count):
        diameter, contrast = float(rng.choice(DIAMETERS)), float(rng.choice(CONTRASTS))
        radius = diameter / 2 / float(np.mean(pixel))
        # erosion counts the border of the image as outside, the distance transform does not
        room = np.argwhere(distance_transform_edt(binary_erosion(free)) > radius)
        if not len(room):
            continue
        row, column = room[rng.integers(len(room))]
        kind: Kind = "lost" if number % 2 else "invented"
        disc = Structure(kind, float(row), float(column), diameter, contrast, pixel)
        there = float(np.median(reference[disc.support(reference.shape)])) / maximum
        if rng.random() < 0.5 and there > contrast:
            disc = Structure(kind, disc.row, disc.column, diameter, -contrast, pixel)
        found.append(disc)
        apart = disc.distance(reference.shape) * radius
        free = free & (apart > radius + _APART)
    return tuple(found)


def plant(
    kspace: Kspace,
    structures: Sequence[Structure],
    shape: tuple[int, int],
    maximum: float,
) -> Kspace:
    """Draw structures into the coil images,  m_c (1 + d / RSS),  so that RSS gains exactly d.

    Coils and phase are the object's own; nothing is estimated. Dark structures leave at
    least a little of what was there.

    Args:
        kspace: Full, (coils, rows, columns) complex.
        structures: In pixels of the image, the centre crop of `shape`.
        shape: (image_rows, image_columns).
        maximum: Of the volume.

    Returns:
        Same shape.
    """
    if not structures:
        return kspace
    rows, columns = kspace.shape[-2:]
    drawing = np.zeros((rows, columns))
    top, left = (rows - shape[0]) // 2, (columns - shape[1]) // 2
    inner = drawing[top : top + shape[0], left : left + shape[1]]
    for structure in structures:
        inner += maximum * structure.drawing(shape)
    images = to_image(kspace)
    joined = np.sqrt((np.abs(images) ** 2).sum(0))
    floor = np.finfo(np.float32).tiny
    gain = np.maximum(1 + drawing / np.maximum(joined, floor), _LEAST)
    # far out the drawing is 0 to rounding, and so must its share of an empty pixel be
    gain = np.where(np.abs(drawing) > 1e-6 * maximum, gain, 1.0)
    return to_kspace(images * gain.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Planted:
    """A reconstruction with structures planted, and the acquisition that goes with it."""

    kspace: Kspace
    """Of the reconstruction, (coils, rows, columns)."""
    truth: Kspace
    """Of the object, fully sampled, same shape."""


def plant_departures(
    reconstruction: Kspace,
    truth: Kspace,
    lines: NDArray[np.bool_],
    structures: Sequence[Structure],
    shape: tuple[int, int],
    maximum: float,
    way: Way = "plain",
) -> Planted:
    """Make a reconstruction invent and lose known structures.

    Args:
        reconstruction: Of the object as it is, (coils, rows, columns) complex.
        truth: Its fully sampled k-space, same shape.
        lines: Acquired columns, (columns,).
        structures: What is invented and what is lost.
        shape: (image_rows, image_columns).
        maximum: Of the volume.
        way: Whether the reconstruction contradicts the measured lines.
    """
    invented = [each for each in structures if each.kind == "invented"]
    lost = [each for each in structures if each.kind == "lost"]
    drawn = plant(reconstruction, invented, shape, maximum)
    present = plant(truth, lost, shape, maximum)
    if way == "consistent":
        drawn = reconstruction + np.where(lines, 0, drawn - reconstruction)
        drawn = drawn + np.where(lines, present - truth, 0)
    return Planted(drawn.astype(np.complex64), present)
