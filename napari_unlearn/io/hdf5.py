"""Opening HDF5 files that strangers made: every failure becomes one sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from napari_unlearn.bounded import open_file
from napari_unlearn.errors import UnlearnError, reason
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.hdf5_guard import GuardedFile, path_of

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
)
MOST_BYTES = 2**31
"""Largest slice or HDF5 chunk that is read at once [bytes]."""
_MOST_SLICES = 10_000
_MOST_COMPRESSION = 10_000
"""Declared size over stored size; zeros under gzip reach about 1,000."""


def check_readable(path: Path, accepted: str) -> None:
    """Raise `ReadError` unless `path` is a file that this user may read."""
    try:
        with open_file(path):
            return
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file; {accepted} is expected.") from None
    except PermissionError:
        raise ReadError(f"{path}: no permission to read it.") from None
    except IsADirectoryError:
        raise ReadError(f"{path}: is a folder; {accepted} is expected.") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read ({reason(error)}).") from error


def is_hdf5(path: Path) -> bool:
    """Whether the file's content starts like HDF5 (a user block may precede it)."""
    with path.open("rb", buffering=0) as file:
        return file.read(8) == _SIGNATURE or h5py.is_hdf5(path)


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open for reading and close again; nothing but HDF5 access belongs in the block.

    Raises:
        ReadError: if the file is missing, not HDF5, truncated or damaged.
    """
    path = Path(path)
    check_readable(path, "an HDF5 file")
    if not is_hdf5(path):
        raise ReadError(f"{path}: not an HDF5 file; its content starts like something else.")
    try:
        with GuardedFile(path) as guarded, h5py.File(guarded, "r") as file:
            yield file
    except UnlearnError:
        raise
    # h5py reports damage through whichever of these its C layer happens to meet.
    except _DAMAGE as error:
        raise ReadError(
            f"{path}: the HDF5 file is truncated or damaged ({reason(error)})."
        ) from error


def find_dataset(file: h5py.Group, name: str) -> h5py.Dataset | None:
    """The dataset `name`, or None; never one whose numbers lie in another file.

    Raises:
        ReadError: if it is a link, virtual or external: such a file could show any other.
    """
    if name not in file:
        return None
    link = file.get(name, getlink=True)
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if isinstance(found, h5py.Dataset) and not (found.is_virtual or found.external):
        _check_chunks(found)
        return found
    raise ReadError(
        f"{path_of(file.file)}: '{name}' is no ordinary dataset (a group, a link or outside "
        "storage); the numbers must lie in the file itself."
    )


def _check_chunks(dataset: h5py.Dataset) -> None:
    """Refuse an index of chunks that names one beyond the file; HDF5 would allocate it first."""
    size = os.stat(path_of(dataset.file)).st_size
    chunked = dataset.chunks is not None and dataset.shape and 0 not in dataset.shape
    if not chunked or not hasattr(dataset.id, "chunk_iter"):
        return
    outside = dataset.id.chunk_iter(lambda chunk: chunk.size > size or None)
    if outside:
        raise ReadError(
            f"{path_of(dataset.file)}: '{dataset.name.strip('/')}' is damaged (a part of it claims "
            "to be larger than the file)."
        )


def check_size(dataset: h5py.Dataset, axes: str) -> None:
    """Refuse a dataset that is empty or too large to read slice by slice.

    Raises:
        ReadError: naming shape and limit.
    """
    where = f"{path_of(dataset.file)}: '{dataset.name.strip('/')}' {dataset.shape}"
    if 0 in dataset.shape:
        raise ReadError(f"{where} is empty; {axes} must all be at least 1.")
    if dataset.shape[0] > _MOST_SLICES:
        raise ReadError(f"{where} declares more than {_MOST_SLICES} slices.")
    chunk = dataset.dtype.itemsize
    for length in dataset.chunks or (1, *dataset.shape[1:]):
        chunk *= length
    if max(chunk, dataset.nbytes // dataset.shape[0]) > MOST_BYTES:
        raise ReadError(f"{where} declares more than {MOST_BYTES // 2**30} GiB per slice.")
    check_stored(dataset)


def check_stored(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that declares far more than the file holds of it.

    Raises:
        ReadError: naming both sizes.
    """
    stored = dataset.id.get_storage_size()
    filters = dataset.id.get_create_plist().get_nfilters()
    if dataset.nbytes > max(stored, 1) * (_MOST_COMPRESSION if filters else 1):
        raise ReadError(
            f"{path_of(dataset.file)}: '{dataset.name.strip('/')}' {dataset.shape} declares "
            f"{dataset.nbytes:,} bytes but the file holds {stored:,} of them."
        )
