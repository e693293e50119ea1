"""NIfTI volumes: read as a radiologist looks at them, written with the right affine."""

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import psutil
from nibabel.filebasedimages import ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.imageglobals import logger
from nibabel.orientations import apply_orientation, inv_ornt_aff, ornt_transform
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from napari_unlearn.atomic import replacing
from napari_unlearn.errors import reason
from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.hdf5 import check_readable
from napari_unlearn.io.volume import ImageVolume

_DAMAGE = (
    HeaderDataError,
    ImageFileError,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    zlib.error,
)
_MOST_BYTES = 2**34
_MAPPED_FROM = 2**28
"""Bytes from which numbers stay on disk; a mapped file that is cut off or unplugged ends the
process, so that what fits easily is read at once."""
_GZIP_RATIO = 1040
"""Deflate cannot compress further; a larger declared size is a lie."""
_MILLIMETRES = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
"""Per unit of length that a NIfTI header may name."""

# What the first, second and third index of (slice, row, column) should move towards,
# as (canonical axis, direction) with axes 0 = right, 1 = anterior, 2 = superior.
# Rows and columns follow radiological convention (anterior or superior on top, the
# patient's right on the left); the slice axis completes a right-handed DICOM frame.
_VIEWS = {
    2: ((2, 1), (1, -1), (0, -1)),  # axial
    1: ((1, -1), (2, -1), (0, -1)),  # coronal
    0: ((0, 1), (2, -1), (1, -1)),  # sagittal
}


def is_nifti(path: Path) -> bool:
    """Whether the content is a NIfTI-1 or NIfTI-2 file, gzipped or not."""
    try:
        with path.open("rb") as file:
            start = file.read(352)
        if start[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                start = unpacked.read(352)
    except (OSError, EOFError, zlib.error):
        return False
    return start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] == b"n+2\0"


def read_nifti(
    path: str | os.PathLike[str], *, volume: int | None = 0, axial: bool = False
) -> ImageVolume:
    """Read a NIfTI volume; numbers of a large uncompressed, unscaled file stay on disk.

    Slices lie along the thickest voxel axis, or are axial if the voxels are about cubic or
    if `axial` asks for it. `volume` chooses from a series (fourth dimension); None accepts a
    single volume only.

    Raises:
        ReadError: if the file is no whole NIfTI volume of real numbers.
    """
    path = Path(path)
    with _damage_said(path):
        return _read(path, volume, axial)


def open_nifti(path: str | os.PathLike[str]) -> Any:
    """The file as nibabel sees it: header and geometry on disk, its numbers unread.

    Raises:
        ReadError: if it is missing or no NIfTI file.
    """
    path = Path(path)
    with _damage_said(path):
        return _open(path)


@contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    check_readable(path, "a NIfTI file")
    if not is_nifti(path):
        raise ReadError(f"{path}: not a NIfTI file; its content starts like something else.")
    try:
        with _unlogged():
            yield
    except _DAMAGE as error:
        raise ReadError(
            f"{path}: the NIfTI file is truncated or damaged ({reason(error)})."
        ) from error


@contextmanager
def _unlogged() -> Iterator[None]:
    """Nibabel prints what it repairs in a header; the user gets one sentence instead."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def read_series(path: str | os.PathLike[str], *, axial: bool = False) -> tuple[ImageVolume, ...]:
    """All volumes of a NIfTI series (fourth dimension); the file is unpacked once.

    Raises:
        ReadError: as `read_nifti`.
    """
    path = Path(path)
    with _damage_said(path):
        image = _checked(path)
        data = _numbers(image)
        count = image.shape[3] if len(image.shape) == 4 else 1
        return tuple(_volume(path, image, data, number, axial) for number in range(count))


def _read(path: Path, volume: int | None, axial: bool) -> ImageVolume:
    image = _checked(path)
    shape = image.shape
    count = shape[3] if len(shape) == 4 else 1
    if volume is None and count > 1:
        raise ReadError(
            f"{path}: a series of {count} volumes, shape {shape}; one volume in 3 dimensions is "
            "expected."
        )
    number = volume or 0
    if len(shape) == 4 and not 0 <= number < count:
        raise ReadError(f"{path}: there is no volume {number}; 0 to {count - 1} exist.")
    return _volume(path, image, _numbers(image), number, axial)


def _checked(path: Path) -> Any:
    """The file as nibabel sees it, if its header describes volumes that it can hold."""
    image = _open(path)
    shape, dtype = image.shape, image.get_data_dtype()
    if dtype.kind not in "fiu" or len(shape) not in (2, 3, 4) or 0 in shape:
        raise ReadError(
            f"{path}: a NIfTI volume of {dtype} with shape {shape}; real numbers in 3 dimensions "
            "(or 4 for a series) are expected."
        )
    _check_size(path, math.prod(shape) * dtype.itemsize)
    return image


def _numbers(image: Any) -> NDArray:
    """All of the file's, with its scale; on disk where it is large, unscaled and not packed."""
    stored = image.dataobj
    scaled = (stored.slope, stored.inter) != (1.0, 0.0)
    if scaled:
        return np.asarray(stored, dtype=np.float32)
    numbers = stored.get_unscaled()
    small = numbers.nbytes < _MAPPED_FROM
    return np.array(numbers) if small and isinstance(numbers, np.memmap) else numbers


def _volume(path: Path, image: Any, data: NDArray, number: int, axial: bool) -> ImageVolume:
    remarks = []
    if data.ndim == 4:
        if data.shape[3] > 1:
            remarks.append(f"Volume {number} of {data.shape[3]} in the file.")
        data = data[..., number]
    data = data[..., None] if data.ndim == 2 else data
    if image.header.get_xyzt_units()[0] == "unknown":
        remarks.append("The file names no unit of length; mm are assumed.")
    if not (image.header["qform_code"] or image.header["sform_code"]):
        remarks.append("The file does not say how the volume lies in the scanner.")
    data, affine = _orient(path, data, affine_of(image), axial)
    return ImageVolume(
        name=stem_of(path),
        data=data,
        voxel_size=_spacing(affine),
        affine=affine,
        source=str(path),
        remarks=tuple(remarks),
    )


def affine_of(image: Any) -> NDArray[np.float64]:
    """Where an opened file puts its voxels: its own index (x, y, z, 1) to RAS+ [mm]."""
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= _MILLIMETRES.get(image.header.get_xyzt_units()[0], 1.0)
    return affine


def stem_of(path: Path) -> str:
    """A file's name without .nii or .nii.gz."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _open(path: Path) -> Any:
    if path.suffix in (".img", ".hdr"):
        return nib.load(path)
    with path.open("rb") as file:
        start = file.read(8)
    holder = FileHolder(filename=str(path))
    if start[:2] == b"\x1f\x8b":
        # By content, not by suffix: a .nii that is gzipped after all opens too.
        unpacked = gzip.open(path)  # noqa: SIM115  nibabel reads from it later
        start = unpacked.read(8)
        unpacked.seek(0)
        holder = FileHolder(filename=str(path), fileobj=unpacked)
    kind = nib.Nifti2Image if start[4:8] == b"n+2\0" else nib.Nifti1Image
    return kind.from_file_map({"header": holder, "image": holder})


def _check_size(path: Path, declared: int) -> None:
    stored = path.stat().st_size
    if path.suffix == ".hdr":
        stored = path.with_suffix(".img").stat().st_size
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    if declared > min(stored * (_GZIP_RATIO if gzipped else 1), _MOST_BYTES):
        raise ReadError(
            f"{path}: truncated; the header declares {declared} bytes, the file has {stored}."
        )
    free = psutil.virtual_memory().available
    if gzipped and declared > free:
        raise ReadError(
            f"{path}: unpacks to {declared / 2**30:.1f} GiB, more than the {free / 2**30:.1f} GiB "
            "of memory that are free."
        )


def _orient(
    path: Path, data: NDArray, affine: NDArray[np.float64], axial: bool
) -> tuple[NDArray, NDArray[np.float64]]:
    """Turn (x, y, z) into (slice, row, column) by swapping and flipping axes, without copy."""
    orientation = nib.io_orientation(affine)
    if not np.isfinite(affine).all() or np.isnan(orientation).any():
        raise ReadError(f"{path}: the NIfTI affine has no inverse; voxels need a size.")
    spacing = np.array(_spacing(affine))
    thickest = int(spacing.argmax())
    others = np.delete(spacing, thickest)
    thick = spacing[thickest] > 1.2 * others.max() and not axial
    across = int(orientation[thickest, 0]) if thick else 2
    transform = ornt_transform(orientation, np.array(_VIEWS[across]))
    return apply_orientation(data, transform), affine @ inv_ornt_aff(transform, data.shape)


def _spacing(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    return first, second, third


def write_nifti(path: str | os.PathLike[str], volume: ImageVolume) -> Path:
    """Write a volume: uint8 labels as they are, everything else as float32.

    Without an affine the volume is stored as an axial one about the origin, marked as not
    related to a scanner (sform code 2).

    Raises:
        WriteError: if the name does not end in .nii or .nii.gz, or cannot be written.
    """
    path = Path(path)
    check_ending(path)
    data = volume.data if volume.data.dtype == np.uint8 else volume.data.astype(np.float32)
    affine = volume.position
    # NIfTI's first index runs fastest: (slice, row, column) becomes (column, row, slice).
    image = nib.Nifti1Image(data.transpose(2, 1, 0), affine[:, [2, 1, 0, 3]])
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1 if volume.affine is not None else 2)
    image.set_qform(image.affine, code=0)
    with replacing(path) as temporary:
        nib.save(image, temporary)
    return path


def check_ending(path: Path) -> None:
    """Refuse a name under which no NIfTI file is written.

    Raises:
        WriteError: if it does not end in .nii or .nii.gz.
    """
    if not path.name.endswith((".nii", ".nii.gz")):
        raise WriteError(f"{path}: a NIfTI file ends in .nii or .nii.gz.")
