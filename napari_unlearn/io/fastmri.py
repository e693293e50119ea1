"""fastMRI HDF5 files: read one slice at a time, written whole or not at all.

Layout: Knoll et al., fastMRI: a publicly available raw k-space dataset, Radiology AI 2020.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.fastmri_layout import (
    affine_of,
    find_kspace,
    find_target,
    is_set,
    read_attributes,
    read_mask,
    read_xml,
    shape_of,
    voxel_size_of,
    write_provenance,
)
from napari_unlearn.io.hdf5 import check_size, find_dataset, open_hdf5
from napari_unlearn.io.hdf5_draft import create_hdf5
from napari_unlearn.io.ismrmrd_header import format_header, parse_recon_space
from napari_unlearn.io.volume import odd_numbers
from napari_unlearn.mri.arrays import centre_crop, root_sum_of_squares
from napari_unlearn.mri.scan import Header, MemoryScan, Scan

_ANATOMIES = {"CORPD_FBK": "knee", "CORPDFS_FBK": "knee"} | dict.fromkeys(
    ("AXT1", "AXT2", "AXT1PRE", "AXT1POST", "AXFLAIR"), "brain"
)
"""The acquisitions of the fastMRI data set."""


@dataclass(frozen=True)
class FastmriScan:
    """A fastMRI HDF5 file; every call opens the file, reads one slice and closes it."""

    path: Path
    header: Header
    target_name: str | None
    """Dataset of the stored reference; None if it has to be computed."""
    stated_maximum: float | None = None
    """The file's attribute `max`."""
    mask: NDArray[np.bool_] | None = None
    """The file's dataset `mask`, (columns,)."""

    @cached_property
    def acquired(self) -> NDArray[np.bool_] | None:
        """Columns that were acquired, (columns,); None if k-space is fully sampled.

        The dataset `mask` decides where there is one. Otherwise columns that are zero in
        every coil of the middle slice were skipped, unless they only pad the borders
        (see `sampled_columns`). The first coil is read alone: where it has them all, nothing
        was skipped and the others need not be read.
        """
        if self.mask is not None:
            return None if self.mask.all() else self.mask
        middle = self.header.slices // 2
        for index in sorted(range(self.header.slices), key=lambda i: abs(i - middle)):
            filled = np.any(self._read("kspace", index, coil=0) != 0, axis=0)
            if filled.any() and sampled_columns(filled) is None:
                return None
            filled = np.any(self.kspace(index) != 0, axis=(0, 1))
            if filled.any():
                return sampled_columns(filled)
        raise ReadError(f"{self.path}: k-space is zero in every slice.")

    @cached_property
    def maximum(self) -> float | None:
        """Largest value of the reference volume; None without a reference."""
        if self.target_name is not None and self.stated_maximum is not None:
            return self.stated_maximum
        largest = 0.0
        for index in range(self.header.slices):
            target = self.target(index)
            if target is None:
                return None
            largest = max(largest, float(target.max()))
        return largest

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Centred k-space of one slice, (coils, rows, columns).

        Raises:
            ReadError: if the slice is damaged or holds NaN or infinity.
        """
        kspace = self._read("kspace", index).astype(np.complex64, copy=False)
        kspace = kspace.reshape(self.header.coils, self.header.rows, self.header.columns)
        if self.mask is not None:
            kspace = np.where(self.mask, kspace, np.complex64(0))
        return kspace

    def target(self, index: int) -> NDArray[np.float32] | None:
        """Reference magnitude of one slice, (image_rows, image_columns), or None.

        Stored in the file, else the root sum of squares of fully sampled k-space.

        Raises:
            ReadError: if the slice is damaged or holds NaN or infinity.
        """
        if self.target_name is not None:
            image = self._read(self.target_name, index).astype(np.float32, copy=False)
        elif self.acquired is None:
            image = root_sum_of_squares(self.kspace(index))
        else:
            return None
        return centre_crop(image, self.header.image_rows, self.header.image_columns)

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """Ground-truth tissue labels, (slices, image_rows, image_columns), if stored."""
        with open_hdf5(self.path) as file:
            dataset = find_dataset(file, "labels")
            if dataset is None:
                return None
            images = (self.header.slices, self.header.image_rows, self.header.image_columns)
            if dataset.dtype.kind not in "biu" or dataset.shape != images:
                raise ReadError(
                    f"{self.path}: 'labels' is {dataset.dtype} with shape {dataset.shape}; "
                    f"integers of shape {images} are expected."
                )
            check_size(dataset, "slices, rows and columns")
            return np.asarray(dataset[()], dtype=np.uint8)

    def _read(self, name: str, index: int, coil: int | None = None) -> NDArray:
        if not 0 <= index < self.header.slices:
            raise ReadError(
                f"{self.path}: there is no slice {index}; 0 to {self.header.slices - 1} exist."
            )
        with open_hdf5(self.path) as file:
            dataset = file[name]
            whole = coil is None or dataset.ndim == 3  # no coil axis in single-coil files
            values = np.asarray(dataset[index] if whole else dataset[index, coil])
        if wrong := odd_numbers(values):
            raise ReadError(f"{self.path}: '{name}' holds {wrong} in slice {index}.")
        return values


def sampled_columns(filled: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Tell skipped columns from padding; None means fully sampled.

    Scanners interpolate by adding zeros at the borders of k-space: 640x368 files of fastMRI
    hold as few as 320 measured columns. One gap-free block that covers at least half of the
    columns is therefore taken as a complete, padded acquisition (partial Fourier included);
    any gap, or a narrower block, is undersampling.
    """
    columns = np.flatnonzero(filled)
    gap_free = columns[-1] - columns[0] + 1 == len(columns)
    return None if gap_free and 2 * len(columns) >= len(filled) else filled


def read_fastmri(path: str | os.PathLike[str]) -> FastmriScan:
    """Read the header of a fastMRI HDF5 file; k-space follows slice by slice.

    Raises:
        ReadError: if the file is no usable fastMRI file; the sentence says why.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        kspace = find_kspace(file)
        slices, coils, rows, columns = shape_of(kspace)
        target = find_target(file, single=kspace.ndim == 3, slices=slices)
        xml = read_xml(file)
        mask = read_mask(file, columns)
        attributes = read_attributes(file)
    space = parse_recon_space(xml, str(path)) if xml is not None else None
    image = (rows, columns)
    if target is not None:
        image = target[1]
    elif space is not None:
        image = space.matrix[:2]
    acquisition = str(attributes.get("acquisition", ""))
    header = Header(
        name=path.stem,
        slices=slices,
        coils=coils,
        rows=rows,
        columns=columns,
        image_rows=min(image[0], rows),
        image_columns=min(image[1], columns),
        voxel_size=voxel_size_of(attributes) or (space.voxel_size if space else (1.0, 1.0, 1.0)),
        affine=affine_of(attributes),
        anatomy=str(attributes.get("anatomy", _ANATOMIES.get(acquisition, ""))),
        patient=str(attributes.get("patient_id", "")),
        simulated=is_set(attributes.get("simulated")),
        source=str(path),
    )
    stated = attributes.get("max")
    usable = isinstance(stated, float | int) and np.isfinite(stated) and stated > 0
    return FastmriScan(
        path=path,
        header=header,
        target_name=target[0] if target else None,
        stated_maximum=float(stated) if usable and stated is not None else None,
        mask=mask,
    )


def write_fastmri(
    path: str | os.PathLike[str],
    scan: Scan,
    *,
    labels: NDArray[np.uint8] | None = None,
    acquisition: str = "",
) -> Path:
    """Write a scan in the layout of fastMRI's `SliceDataset`, slice by slice.

    `labels` (slices, image_rows, image_columns) default to those of a `MemoryScan`. Beyond
    fastMRI's own names the file holds our attributes simulated, anatomy, source, voxel_size
    and affine, and the dataset `mask` if the scan is undersampled.

    Raises:
        WriteError: if the file cannot be written, or labels do not fit the images.
    """
    path = Path(path)
    header = scan.header
    images = (header.slices, header.image_rows, header.image_columns)
    if labels is None and isinstance(scan, MemoryScan | FastmriScan):
        labels = scan.labels
    if labels is not None and labels.shape != images:
        raise WriteError(f"{path}: labels have shape {labels.shape}; {images} is expected.")
    with create_hdf5(path) as file:
        _write_slices(file, scan, images)
        if scan.acquired is not None:
            file["mask"] = scan.acquired.astype(np.uint8)
        if labels is not None:
            file.create_dataset(
                "labels", data=labels.astype(np.uint8), chunks=(1, *images[1:]), compression="gzip"
            )
        file["ismrmrd_header"] = format_header(header)
        file.attrs["acquisition"] = acquisition or header.anatomy or "unknown"
        write_provenance(file, header)
    return path


def _write_slices(file: h5py.File, scan: Scan, images: tuple[int, int, int]) -> None:
    header = scan.header
    matrix = (header.coils, header.rows, header.columns)
    kspace = file.create_dataset("kspace", (header.slices, *matrix), np.complex64)
    targets: h5py.Dataset | None = None
    largest, energy = 0.0, 0.0
    for index in range(header.slices):
        kspace[index] = scan.kspace(index)
        target = scan.target(index)
        if target is None:
            continue
        if targets is None:
            targets = file.create_dataset(
                "reconstruction_rss", images, np.float32, chunks=(1, *images[1:])
            )
        targets[index] = target
        largest = max(largest, float(target.max()))
        energy += float((target.astype(np.float64) ** 2).sum())
    if targets is not None:
        file.attrs["max"] = largest
        file.attrs["norm"] = energy**0.5
