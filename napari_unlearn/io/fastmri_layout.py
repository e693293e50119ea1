"""The names, shapes and attributes of a fastMRI HDF5 file, checked before they are trusted."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import shortened
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.hdf5 import check_size, find_dataset
from napari_unlearn.io.hdf5_guard import path_of
from napari_unlearn.io.ismrmrd_header import MOST_CHARACTERS
from napari_unlearn.mri.scan import Header

_ATTRIBUTES = (
    "max",
    "norm",
    "acquisition",
    "patient_id",
    "simulated",
    "anatomy",
    "source",
    "voxel_size",
    "affine",
)
_MOST_NUMBERS = 64
"""In one attribute; an affine has 16."""


def find_kspace(file: h5py.File) -> h5py.Dataset:
    """The dataset 'kspace'; raises ReadError unless it is usable."""
    dataset = find_dataset(file, "kspace")
    expected = "'kspace' (slices, coils, rows, columns), complex"
    if dataset is None:
        found = ", ".join(f"'{shortened(name, 30)}'" for name in list(file)[:5]) or "nothing"
        raise ReadError(
            f"{path_of(file)}: no dataset 'kspace' (found: {found}). A fastMRI file "
            f"needs {expected}."
        )
    if dataset.dtype.kind != "c" or dataset.ndim not in (3, 4):
        raise ReadError(
            f"{path_of(file)}: 'kspace' is {dataset.dtype} with shape {dataset.shape}; a fastMRI "
            f"file needs {expected}."
        )
    check_size(dataset, "slices, coils, rows and columns")
    return dataset


def shape_of(kspace: h5py.Dataset) -> tuple[int, int, int, int]:
    """(slices, coils, rows, columns); single-coil files have no coil axis."""
    slices, *coils, rows, columns = kspace.shape
    return slices, coils[0] if coils else 1, rows, columns


def find_target(
    file: h5py.File, *, single: bool, slices: int
) -> tuple[str, tuple[int, int]] | None:
    """Name and image shape of the stored reference.

    fastMRI's single-coil files hold both references; theirs is the emulated single coil.
    """
    names = ("reconstruction_esc", "reconstruction_rss")
    for name in names if single else names[::-1]:
        dataset = find_dataset(file, name)
        if dataset is None:
            continue
        if dataset.ndim != 3 or dataset.shape[0] != slices or dataset.dtype.kind not in "fiu":
            raise ReadError(
                f"{path_of(file)}: '{name}' is {dataset.dtype} with shape {dataset.shape}; real "
                f"numbers of shape ({slices}, rows, columns) are expected."
            )
        check_size(dataset, "slices, rows and columns")
        return name, (int(dataset.shape[1]), int(dataset.shape[2]))
    return None


def read_mask(file: h5py.File, columns: int) -> NDArray[np.bool_] | None:
    """Columns the dataset 'mask' keeps, (columns,), or None; raises ReadError if it misfits."""
    dataset = find_dataset(file, "mask")
    if dataset is None:
        return None
    if dataset.size != columns or dataset.dtype.kind not in "biuf":
        raise ReadError(
            f"{path_of(file)}: 'mask' has shape {dataset.shape}; ({columns},) is expected, one "
            "number per k-space column."
        )
    return np.asarray(dataset[()]).reshape(-1).astype(bool)


def read_attributes(file: h5py.File) -> dict[str, Any]:
    """The attributes that mean something to us, as plain numbers, text and small arrays.

    Others, and those of unexpected types, are never read: HDF5 can crash over damaged ones.
    """
    values: dict[str, Any] = {}
    for name in _ATTRIBUTES:
        if name not in file.attrs:
            continue
        attribute = file.attrs.get_id(name)
        if attribute.shape is None or math.prod(attribute.shape) > _MOST_NUMBERS:
            continue
        if is_plain(attribute.dtype):
            value = file.attrs[name]
            if isinstance(value, bytes):
                value = value.decode("utf-8", errors="replace")
            values[name] = value.item() if isinstance(value, np.generic) else value
    return values


def is_set(value: object) -> bool:
    """Whether an attribute is a number other than 0: neither text nor an array is a switch."""
    return isinstance(value, int | float) and value != 0


def is_plain(dtype: np.dtype) -> bool:
    """Whether numbers or text are stored, rather than references, sequences or compounds."""
    return dtype.kind in "biufS" or h5py.check_string_dtype(dtype) is not None


def read_xml(file: h5py.Group, name: str = "ismrmrd_header") -> str | bytes | None:
    """The dataset of that name, or None without one; raises ReadError unless it is text."""
    dataset = find_dataset(file, name)
    if dataset is None:
        return None
    if dataset.shape is None or dataset.size != 1 or not is_plain(dataset.dtype):
        raise ReadError(
            f"{path_of(file.file)}: '{name}' is {dataset.dtype} with shape {dataset.shape}; one "
            "text is expected."
        )
    length = _stated_length(dataset, path_of(file.file))
    if length > MOST_CHARACTERS:
        raise ReadError(f"{path_of(file.file)}: '{name}' claims {length} bytes of text.")
    value = dataset[()]
    value = value.item() if isinstance(value, np.ndarray) else value
    return value if isinstance(value, str | bytes) else None


def _stated_length(dataset: h5py.Dataset, path: str) -> int:
    """Bytes of one text, before it is read: HDF5 allocates whatever the file claims."""
    offset = dataset.id.get_offset()
    if dataset.dtype.kind == "S" or offset is None:
        return int(dataset.dtype.itemsize)
    # On disk a text of variable length is its length in four bytes and where it lies.
    with Path(path).open("rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(4), "little")


def voxel_size_of(attributes: dict[str, Any]) -> tuple[float, float, float] | None:
    """Our attribute `voxel_size` (slice, row, column) [mm], if there and possible."""
    value = np.asarray(attributes.get("voxel_size", ()))
    if value.shape != (3,) or value.dtype.kind not in "fiu":
        return None
    if not (np.isfinite(value).all() and (value > 0).all()):
        return None
    return float(value[0]), float(value[1]), float(value[2])


def affine_of(attributes: dict[str, Any]) -> NDArray[np.float64] | None:
    """Our attribute `affine` (4, 4), if there and possible."""
    value = np.asarray(attributes.get("affine", ()))
    if value.shape != (4, 4) or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        return None
    return value.astype(np.float64)


def write_provenance(file: h5py.File, header: Header) -> None:
    """Attributes that say what the numbers are and where they come from."""
    file.attrs["patient_id"] = header.patient
    file.attrs["simulated"] = header.simulated
    file.attrs["anatomy"] = header.anatomy
    # Only the file's name: a shared file should not tell the folders of one's machine.
    source = Path(header.source)
    file.attrs["source"] = source.name if source.is_absolute() else header.source
    file.attrs["voxel_size"] = header.voxel_size
    if header.affine is not None:
        file.attrs["affine"] = header.affine
