"""Where the slices of an MRD file lie: their order, voxel size and affine."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.ismrmrd_header import Space
from napari_unlearn.io.mrd_layout import Readouts

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


class Geometry(TypedDict):
    """What the geometry adds to a `Header`."""

    voxel_size: tuple[float, float, float]
    affine: NDArray[np.float64] | None


def in_order(readouts: Readouts) -> tuple[int, ...]:
    """The file's slice numbers, neighbours beside each other.

    Scanners number interleaved slices as they measure them; positions tell, where they differ.
    """
    numbers, first = np.unique(readouts.slice, return_index=True)
    depth = _depths(readouts, first)
    steps = np.diff(depth)
    ordered = bool((steps > 0).all() or (steps < 0).all())
    apart = len(np.unique(np.round(depth, 3))) == len(depth)
    if np.isfinite(depth).all() and apart and not ordered:
        numbers = numbers[np.argsort(depth)]
    return tuple(int(number) for number in numbers)


def geometry_of(
    readouts: Readouts, slices: tuple[int, ...], encoded: Space, image: tuple[int, int]
) -> Geometry:
    """Voxel size (slice, row, column) [mm] and affine of images of that many rows, columns.

    The affine is None unless the directions are orthogonal unit vectors, the same in all
    slices. A position is that of the centre of a slice.
    """
    first = np.array([np.flatnonzero(readouts.slice == number)[0] for number in slices])
    thickness, row, column = encoded.voxel_size
    vectors = {name: values[first].astype(np.float64) for name, values in readouts.vectors.items()}
    axes = np.stack([vectors[name] for name in ("slice_dir", "read_dir", "phase_dir")], axis=1)
    positions = vectors["position"]
    usable = np.isfinite(positions).all() and (np.abs(axes) <= 1.01).all()
    same = usable and np.allclose(axes, axes[0], atol=1e-3)
    if not same or not np.allclose(axes[0] @ axes[0].T, np.eye(3), atol=1e-2):
        return Geometry(voxel_size=(thickness, row, column), affine=None)
    normal = axes[0][0]
    if len(slices) > 1:
        step = float(np.median(np.diff(_depths(readouts, first))))
        normal = normal * (np.sign(step) or 1.0)
        thickness = abs(step) or thickness
    affine = np.eye(4)
    for place, (axis, size) in enumerate(
        zip((normal, axes[0][1], axes[0][2]), (thickness, row, column), strict=True)
    ):
        affine[:3, place] = _LPS_TO_RAS * axis * size
    centre = np.array([0, image[0] // 2, image[1] // 2])
    affine[:3, 3] = _LPS_TO_RAS * positions[0] - affine[:3, :3] @ centre
    return Geometry(voxel_size=(thickness, row, column), affine=affine)


def _depths(readouts: Readouts, which: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance of slices along the normal of the first of them [mm]."""
    normal = readouts.vectors["slice_dir"][which[0]]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(readouts.vectors["position"][which] @ normal, dtype=np.float64)
