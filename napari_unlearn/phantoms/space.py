"""Where a 3D phantom is drawn: the coordinates of every voxel, and solids in them.

Coordinates run from -1 to 1 over the field of view: z upwards, y to posterior, x to
image-right. They may be warped, so that a solid drawn in them is deformed.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.phantoms.fields import SmoothField

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Space:
    """Coordinates of a grid's voxels, and where they lay before any warp."""

    axes: tuple[Array, Array, Array]
    """Unwarped coordinates along depth, rows and columns."""
    z: Array
    y: Array
    x: Array

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> "Space":
        """Space for (depth, rows, columns) voxels."""
        depth, rows, columns = ((np.arange(n) + 0.5) / n * 2 - 1 for n in shape)
        z, y, x = np.meshgrid(depth, rows, columns, indexing="ij")
        return cls((depth, rows, columns), z, y, x)

    def sample(self, field: SmoothField) -> Array:
        """Values of a random field at the voxels, (depth, rows, columns)."""
        depth, rows, columns = self.axes
        return np.stack([field((z + 1) / 2, rows, columns) for z in depth])

    def warped(self, shifts: tuple[Array, Array, Array], turn: Array, scale: Triple) -> "Space":
        """Shift every voxel, rotate by `turn` (3 x 3 over z, y, x), divide by `scale`."""
        moved = np.stack([self.z + shifts[0], self.y + shifts[1], self.x + shifts[2]])
        z, y, x = np.tensordot(turn, moved, axes=1) / np.reshape(scale, (3, 1, 1, 1))
        return replace(self, z=z, y=y, x=x)

    def radius(self, centre: Triple, half: Triple) -> Array:
        """Distance from `centre` as a fraction of the half-axes: 1 on the ellipsoid."""
        parts = zip((self.z, self.y, self.x), centre, half, strict=True)
        return np.sqrt(sum(((at - middle) / length) ** 2 for at, middle, length in parts))

    def ellipsoid(self, centre: Triple, half: Triple) -> Mask:
        """Voxels inside."""
        return self.radius(centre, half) < 1


def random_field(rng: np.random.Generator, length: float) -> SmoothField:
    """Isotropic field of unit variance; `length` is its correlation length in coordinates."""
    # A level runs from 0 to 1 where z runs from -1 to 1.
    return SmoothField(rng, length, along=length / 2)


def rotation(roll: float, pitch: float, yaw: float) -> Array:
    """Rotation over (z, y, x): in the coronal, the sagittal and the axial plane [rad]."""
    turn = np.eye(3)
    for angle, first, second in ((roll, 0, 2), (pitch, 0, 1), (yaw, 1, 2)):
        plane = np.eye(3)
        plane[first, first] = plane[second, second] = np.cos(angle)
        plane[first, second], plane[second, first] = -np.sin(angle), np.sin(angle)
        turn = plane @ turn
    return turn
