"""Label maps as NIfTI: read with suspicion, written onto the very grid of another file."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from napari_unlearn.atomic import replacing
from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.nifti import (
    affine_of,
    check_ending,
    open_nifti,
    read_nifti,
    write_nifti,
)
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.mri.subject3d import Structure

MRBRAINS_VALUES = tuple(int(structure) for structure in Structure)
_ROUNDING = 1e-3
"""How far from an integer a label may be that was stored with a scale factor."""


def read_labels(
    path: str | os.PathLike[str], allowed: Collection[int] | None = MRBRAINS_VALUES
) -> ImageVolume:
    """Read a label map as axial slices of uint8, (depth, rows, columns).

    `allowed` are the values that may occur; None accepts 0 to 255.

    Raises:
        ReadError: if the file is no single NIfTI volume of such values, or all background.
    """
    volume = read_nifti(path, volume=None, axial=True)
    found = np.asarray(volume.data)
    values = np.unique(found)
    whole = np.rint(values)
    if not np.isfinite(values).all() or np.abs(values - whole).max() > _ROUNDING:
        odd = values[~(np.abs(values - whole) <= _ROUNDING)]
        raise ReadError(
            f"{path}: holds {odd[0]:g}, which is no label; a label map holds whole numbers only."
        )
    accepted = range(256) if allowed is None else allowed
    unexpected = [int(value) for value in whole if int(value) not in accepted]
    if unexpected:
        listed = ", ".join(map(str, unexpected[:5])) + (" ..." if len(unexpected) > 5 else "")
        raise ReadError(
            f"{path}: unexpected label values {listed}; {_listed(accepted)} are accepted."
        )
    if not whole.any():
        raise ReadError(f"{path}: every voxel is background; a label map marks something.")
    return ImageVolume(
        name=volume.name,
        data=np.rint(found).astype(np.uint8),
        voxel_size=volume.voxel_size,
        affine=volume.affine,
        source=volume.source,
        remarks=volume.remarks,
    )


def write_labels(
    path: str | os.PathLike[str],
    labels: NDArray[np.uint8],
    affine: NDArray[np.float64],
    like: str | os.PathLike[str] | None = None,
) -> Path:
    """Write labels (depth, rows, columns) whose indices `affine` maps to RAS+ [mm].

    With `like`, the file that the labels belong to, they are stored in its order of axes and
    with its own sform and qform, so that programs that compare index by index agree too.

    Raises:
        WriteError: if the labels do not lie on the grid of `like`, or cannot be written.
        ReadError: if `like` is no NIfTI file.
    """
    path = Path(path)
    if like is None:
        return write_nifti(path, ImageVolume(path.name, labels.astype(np.uint8), affine=affine))
    check_ending(path)
    model = open_nifti(like)
    data = _on_grid(labels, affine, affine_of(model), model.shape[:3])
    if data is None:
        raise WriteError(
            f"{path}: the labels do not lie on the grid of {like}; they cannot be stored like it."
        )
    image = type(model)(data.astype(np.uint8), model.affine)
    image.header.set_xyzt_units(model.header.get_xyzt_units()[0])
    # Both placements as the model has them; writing only one would lose what the other says.
    image.set_qform(*_qform(model))
    image.set_sform(*model.get_sform(coded=True))
    with replacing(path) as temporary:
        nib.save(image, temporary)
    return path


def same_place(
    first: NDArray[np.float64], second: NDArray[np.float64], shape: tuple[int, ...]
) -> bool:
    """Whether two affines put every voxel of a grid at the same place, to a tenth of a voxel."""
    return distance_apart(first, second, shape) <= 0.1 * np.linalg.norm(first[:3, :3], axis=0).min()


def distance_apart(
    first: NDArray[np.float64], second: NDArray[np.float64], shape: tuple[int, ...]
) -> float:
    """Largest distance between where two affines put a voxel of the grid [mm]."""
    ends = [(0, length - 1) for length in shape]
    corners = np.array(np.meshgrid(*ends, [1])).reshape(4, -1)
    # The difference of two affine maps is largest at a corner.
    return float(np.linalg.norm(((first - second) @ corners)[:3], axis=0).max())


def _on_grid(
    labels: NDArray, affine: NDArray[np.float64], grid: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray | None:
    """Labels with axes swapped and flipped onto another grid; None if they do not fit it."""
    if not np.isfinite(grid).all() or np.linalg.det(grid) == 0:
        return None
    between = (np.linalg.inv(grid) @ affine)[:3, :3]
    axes = np.abs(between).argmax(axis=0)
    if len(set(axes.tolist())) < 3:
        return None
    transform = np.stack([axes, np.sign(between[axes, range(3)])], axis=1)
    data = apply_orientation(labels, transform)
    landed = affine @ inv_ornt_aff(transform, labels.shape)
    return data if data.shape == shape and same_place(landed, grid, shape) else None


def _qform(image: Any) -> tuple[NDArray | None, int]:
    try:
        return image.get_qform(coded=True)
    except (ValueError, HeaderDataError):
        # Some programs leave nonsense in the quaternion when they write an sform.
        return None, 0


def _listed(values: Collection[int]) -> str:
    ordered = sorted(values)
    if ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered))
