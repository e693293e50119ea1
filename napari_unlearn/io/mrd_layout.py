"""Where an MRD file keeps its readouts, and which of them make the images.

Layout: Inati et al., ISMRM Raw data format, MRM 2017.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.hdf5 import MOST_BYTES, check_stored, find_dataset
from napari_unlearn.io.hdf5_guard import path_of

_MOST_READOUTS = 2**20
_MOST_GROUPS = 64
_AT_ONCE = 4096
"""Headers read at once; one takes about 370 bytes."""
_VECTORS = ("position", "read_dir", "phase_dir", "slice_dir")
_NUMBERS = (
    "flags",
    "number_of_samples",
    "active_channels",
    "center_sample",
    "discard_pre",
    "discard_post",
    "encoding_space_ref",
)
_COUNTERS = (
    "kspace_encode_step_1",
    "kspace_encode_step_2",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
)
_ONE_OF = ("contrast", "phase", "repetition", "set")
"""What changes the image: only the first of each is read."""
_REVERSED = 22
_CALIBRATION, _CALIBRATION_AND_IMAGING = 20, 21
_NO_IMAGE = (19, 23, 24, 26, 27, 28, 29, 30, 31)
"""Noise, navigator, phase correction, feedback, dummy, coil correction, phase stabilisation."""
_COMPRESSED = (53, 54, 55, 56)


@dataclass(frozen=True)
class Readouts:
    """The readouts that make the images, as arrays of equal length (readouts,)."""

    index: NDArray[np.int64]
    """Place in the file's dataset."""
    slice: NDArray[np.int64]
    step: NDArray[np.int64]
    """kspace_encode_step_1."""
    samples: NDArray[np.int64]
    centre: NDArray[np.int64]
    """Sample at the centre of k-space."""
    first: NDArray[np.int64]
    """First sample that counts."""
    last: NDArray[np.int64]
    """One behind the last sample that counts."""
    reverse: NDArray[np.bool_]
    coils: int
    vectors: dict[str, NDArray[np.float32]]
    """position, read_dir, phase_dir, slice_dir of each readout, (readouts, 3), LPS [mm]."""


def find_mrd(file: h5py.File) -> h5py.Group | None:
    """The group of an MRD file that holds `xml` and `data` ("dataset" if it does), or None."""
    for name in ["dataset", *sorted(list(file)[:_MOST_GROUPS])]:
        # A link could lead into any other file of this machine.
        if name in file and isinstance(file.get(name, getlink=True), h5py.HardLink):
            group = file[name]
            if isinstance(group, h5py.Group) and "xml" in group and "data" in group:
                return group
    return None


def find_readouts(group: h5py.Group) -> h5py.Dataset:
    """The dataset `data`, a compound of `head` and `data`; raises ReadError if unusable."""
    dataset = find_dataset(group, "data")
    where = f"{path_of(group.file)}: '{group.name.strip('/')}/data'"
    names = dataset.dtype.names if dataset is not None else None
    if dataset is None or names is None or not {"head", "data"} <= set(names):
        raise ReadError(f"{where} is no list of MRD acquisitions (a compound of head, traj, data).")
    if dataset.shape is None or dataset.ndim not in (1, 2) or dataset.shape[1:] not in ((), (1,)):
        raise ReadError(f"{where} has shape {dataset.shape}; one row of readouts is expected.")
    if not 0 < len(dataset) <= _MOST_READOUTS:
        raise ReadError(f"{where} has {len(dataset)} readouts; 1 to {_MOST_READOUTS} are accepted.")
    if (dataset.chunks or (1,))[0] * dataset.dtype.itemsize > MOST_BYTES:
        raise ReadError(f"{where} is stored in pieces of more than {MOST_BYTES // 2**30} GiB.")
    head, counters = dataset.dtype["head"], None
    if head.names and "idx" in head.names:
        counters = head["idx"]
    wanted: list[tuple[np.dtype | None, str, str, tuple[int, ...]]]
    wanted = [(head, name, "iu", ()) for name in _NUMBERS]
    wanted += [(head, name, "f", (3,)) for name in _VECTORS]
    wanted += [(counters, name, "iu", ()) for name in _COUNTERS]
    for owner, name, kinds, shape in wanted:
        field = owner[name] if owner is not None and name in (owner.names or ()) else None
        if field is None or field.base.kind not in kinds or field.shape != shape:
            raise ReadError(f"{where}: the acquisition header has no usable field '{name}'.")
    vlen = h5py.check_vlen_dtype(dataset.dtype["data"])
    if vlen is None or np.dtype(vlen) != np.float32:
        raise ReadError(f"{where}: readouts are {vlen or dataset.dtype['data']}, not float32.")
    check_stored(dataset)
    return dataset


def read_readouts(dataset: h5py.Dataset) -> Readouts:
    """The readouts of the first contrast, phase, repetition and set, in the file's order.

    Left out are noise, navigators and everything else that makes no image, calibration lines
    that are not also imaging lines, and other encodings than the first.

    Raises:
        ReadError: if there is none, or they are 3D, compressed or of changing coils.
    """
    path = path_of(dataset.file)
    table = {name: np.concatenate(parts) for name, parts in _columns(dataset).items()}
    image = ~_flag(table["flags"], *_NO_IMAGE) & (table["encoding_space_ref"] == 0)
    image &= ~_flag(table["flags"], _CALIBRATION) | _flag(table["flags"], _CALIBRATION_AND_IMAGING)
    for name in _ONE_OF:
        if image.any():
            image &= table[name] == table[name][image].min()
    if not image.any():
        raise ReadError(
            f"{path}: none of the {len(image)} readouts belongs to an image (noise, navigators "
            "and calibration lines are left out)."
        )
    index = np.flatnonzero(image)
    table = {name: values[index] for name, values in table.items()}
    if _flag(table["flags"], *_COMPRESSED).any():
        raise ReadError(f"{path}: the readouts are compressed; plain float32 is expected.")
    if table["kspace_encode_step_2"].any():
        raise ReadError(f"{path}: a 3D acquisition; 2D slices are expected.")
    coils = np.unique(table["active_channels"])
    if len(coils) > 1 or coils[0] == 0:
        raise ReadError(
            f"{path}: readouts of {', '.join(map(str, coils[:4]))} coils; every readout needs the "
            "same number of coils, at least 1."
        )
    reverse = _flag(table["flags"], _REVERSED)
    before, behind = table["discard_pre"], table["discard_post"]
    return Readouts(
        index=index,
        slice=table["slice"],
        step=table["kspace_encode_step_1"],
        samples=table["number_of_samples"],
        centre=table["center_sample"],
        first=np.where(reverse, behind, before),
        last=table["number_of_samples"] - np.where(reverse, before, behind),
        reverse=reverse,
        coils=int(coils[0]),
        vectors={name: table[name] for name in _VECTORS},
    )


def _columns(dataset: h5py.Dataset) -> dict[str, list[NDArray]]:
    """The header fields that matter, a few thousand readouts at a time."""
    columns: dict[str, list[NDArray]] = {}
    for heads in _heads(dataset):
        for name in _NUMBERS:
            dtype = np.uint64 if name == "flags" else np.int64
            columns.setdefault(name, []).append(heads[name].astype(dtype))
        for name in _COUNTERS:
            columns.setdefault(name, []).append(heads["idx"][name].astype(np.int64))
        for name in _VECTORS:
            columns.setdefault(name, []).append(heads[name].astype(np.float32))
    return columns


def _heads(dataset: h5py.Dataset) -> Iterator[NDArray]:
    for start in range(0, len(dataset), _AT_ONCE):
        yield dataset.fields("head")[start : start + _AT_ONCE].reshape(-1)


def _flag(flags: NDArray[np.uint64], *bits: int) -> NDArray[np.bool_]:
    """Whether any of the flags is set; ISMRMRD counts them from 1."""
    return (flags & np.uint64(sum(1 << (bit - 1) for bit in bits))) != 0
