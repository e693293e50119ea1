"""MRD (ISMRMRD) HDF5 files: Cartesian 2D slices, sorted into k-space one slice at a time.

Inati et al., ISMRM Raw data format: a proposed standard for MRI raw datasets, MRM 2017.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.fastmri import sampled_columns
from napari_unlearn.io.fastmri_layout import read_xml
from napari_unlearn.io.hdf5 import MOST_BYTES, open_hdf5
from napari_unlearn.io.ismrmrd_header import Encoding, parse_encoding
from napari_unlearn.io.mrd_geometry import geometry_of, in_order
from napari_unlearn.io.mrd_layout import Readouts, find_mrd, find_readouts, read_readouts
from napari_unlearn.mri.arrays import centre_crop, root_sum_of_squares
from napari_unlearn.mri.scan import Header


@dataclass(frozen=True)
class MrdScan:
    """An MRD file; every call opens the file, reads the readouts of one slice and closes it.

    Readouts run along rows, kspace_encode_step_1 along columns. Readouts of the same line
    (averages) are averaged, oversampling along the readout is removed.
    """

    path: Path
    header: Header
    group: str
    readouts: Readouts
    """Those that make images."""
    slices: tuple[int, ...]
    """The file's number of each slice."""
    starts: NDArray[np.int64]
    """Row of the first sample that counts of each readout, (readouts,)."""
    columns: NDArray[np.int64]
    """Column of each readout, (readouts,)."""
    encoded_rows: int
    """Rows before oversampling is removed."""
    acquired: NDArray[np.bool_] | None
    """Columns that were acquired, (columns,); None if k-space is fully sampled."""

    @property
    def labels(self) -> None:
        """MRD holds no labels."""
        return None

    @cached_property
    def maximum(self) -> float | None:
        """Largest value of the reference volume; None without a reference."""
        if self.acquired is not None:
            return None
        return max(float(np.max(self._target(index))) for index in range(self.header.slices))

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Centred k-space of one slice, (coils, rows, columns).

        Raises:
            ReadError: if the slice is damaged or holds NaN or infinity.
        """
        if not 0 <= index < self.header.slices:
            raise ReadError(
                f"{self.path}: there is no slice {index}; 0 to {self.header.slices - 1} exist."
            )
        own = np.flatnonzero(self.readouts.slice == self.slices[index])
        kspace = np.zeros(
            (self.header.coils, self.encoded_rows, self.header.columns), dtype=np.complex64
        )
        with open_hdf5(self.path) as file, np.errstate(over="ignore", invalid="ignore"):
            samples = file[self.group]["data"].fields("data")
            for number in own:
                values = self._line(samples, int(number))
                start = self.starts[number]
                kspace[:, start : start + values.shape[1], self.columns[number]] += values
        if not np.isfinite(kspace).all():
            raise ReadError(f"{self.path}: the readouts of slice {index} hold NaN or infinity.")
        times = np.bincount(self.columns[own], minlength=self.header.columns)
        kspace /= np.maximum(times, 1).astype(np.float32)
        return _without_oversampling(kspace, self.header.rows)

    def target(self, index: int) -> NDArray[np.float32] | None:
        """Root sum of squares of fully sampled k-space, (image_rows, image_columns), or None.

        Raises:
            ReadError: if the slice is damaged or holds NaN or infinity.
        """
        return None if self.acquired is not None else self._target(index)

    def _target(self, index: int) -> NDArray[np.float32]:
        image = root_sum_of_squares(self.kspace(index))
        return centre_crop(image, self.header.image_rows, self.header.image_columns)

    def _line(self, samples: h5py.Dataset, number: int) -> NDArray[np.complex64]:
        """One readout, (coils, samples that count)."""
        lines = self.readouts
        values = np.asarray(samples[int(lines.index[number])])
        values = np.asarray(values.item() if values.dtype == object else values, dtype=np.float32)
        coils, length = lines.coils, int(lines.samples[number])
        if values.size != 2 * coils * length:
            raise ReadError(
                f"{self.path}: readout {lines.index[number]} holds {values.size} numbers; its "
                f"header promises {coils} coils of {length} complex samples."
            )
        line = np.ascontiguousarray(values).view(np.complex64).reshape(coils, length)
        if lines.reverse[number]:
            line = line[:, ::-1]
        return line[:, int(lines.first[number]) : int(lines.last[number])]


def read_mrd(path: str | os.PathLike[str]) -> MrdScan:
    """Read the headers of an MRD file; k-space follows slice by slice.

    Raises:
        ReadError: if the file is no usable Cartesian 2D MRD file; the sentence says why.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        group = find_mrd(file)
        xml = read_xml(group, "xml") if group is not None else None
        if group is None or xml is None:
            raise ReadError(f"{path}: no group with the MRD header 'xml' and readouts 'data'.")
        readouts = read_readouts(find_readouts(group))
        name = str(group.name)
    encoding = parse_encoding(xml, str(path))
    if encoding.trajectory.lower() != "cartesian":
        raise ReadError(
            f"{path}: the trajectory is {encoding.trajectory or 'not stated'!r}; Cartesian 2D "
            "slices are expected."
        )
    rows, columns, _ = encoding.encoded.matrix
    starts = _starts(path, readouts, rows, columns)
    places = _columns(path, readouts, encoding)
    slices = in_order(readouts)
    header = Header(
        name=path.stem,
        slices=len(slices),
        coils=readouts.coils,
        rows=_kept(encoding, 0),
        columns=columns,
        image_rows=_kept(encoding, 0),
        image_columns=_kept(encoding, 1),
        source=str(path),
        **geometry_of(readouts, slices, encoding.encoded, (_kept(encoding, 0), _kept(encoding, 1))),
    )
    return MrdScan(
        path=path,
        header=header,
        group=name,
        readouts=readouts,
        slices=slices,
        starts=starts,
        columns=places,
        encoded_rows=rows,
        acquired=sampled_columns(_filled(path, readouts, places, columns)),
    )


def _kept(encoding: Encoding, axis: int) -> int:
    """Voxels of the acquired size that the images' field of view holds."""
    matrix, view = encoding.encoded.matrix[axis], encoding.encoded.field_of_view[axis]
    return int(min(max(round(matrix * encoding.recon.field_of_view[axis] / view), 1), matrix))


def _starts(path: Path, readouts: Readouts, rows: int, columns: int) -> NDArray[np.int64]:
    """Row of the first sample that counts: the sample at the centre lies in row rows // 2.

    A readout as long as k-space fits in one way only; many files leave its centre at 0.
    """
    if readouts.coils * rows * columns * 8 > MOST_BYTES:
        raise ReadError(
            f"{path}: {readouts.coils} coils of {rows}×{columns} are more than "
            f"{MOST_BYTES // 2**30} GiB per slice."
        )
    length = readouts.last - readouts.first
    start = np.where(length == rows, 0, rows // 2 - (readouts.centre - readouts.first))
    # Less than half of a line is no partial echo, whatever the header claims.
    bad = np.flatnonzero((start < 0) | (start + length > rows) | (2 * length < rows))
    if len(bad):
        which = bad[0]
        raise ReadError(
            f"{path}: readout {readouts.index[which]} has {length[which]} samples around sample "
            f"{readouts.centre[which]}, which does not fit the {rows} of encodedSpace."
        )
    return start


def _columns(path: Path, readouts: Readouts, encoding: Encoding) -> NDArray[np.int64]:
    """Column of each readout: the header's centre lies in column columns // 2."""
    columns = encoding.encoded.matrix[1]
    centre = columns // 2 if encoding.centre is None else encoding.centre
    places = readouts.step + columns // 2 - centre
    bad = np.flatnonzero((places < 0) | (places >= columns))
    if len(bad):
        raise ReadError(
            f"{path}: readout {readouts.index[bad[0]]} is line {readouts.step[bad[0]]} with "
            f"the centre at {centre}, outside the {columns} columns of encodedSpace."
        )
    return places


def _filled(
    path: Path, readouts: Readouts, places: NDArray[np.int64], columns: int
) -> NDArray[np.bool_]:
    """Columns that were measured, (columns,); the same in every slice, or ReadError."""
    numbers = np.unique(readouts.slice)
    filled = np.zeros((len(numbers), columns), dtype=bool)
    filled[np.searchsorted(numbers, readouts.slice), places] = True
    other = np.flatnonzero((filled != filled[0]).any(axis=1))
    if len(other):
        raise ReadError(
            f"{path}: slices {numbers[0]} and {numbers[other[0]]} hold different lines; one "
            "sampling for all slices is expected."
        )
    return filled[0]


def _without_oversampling(kspace: NDArray[np.complex64], rows: int) -> NDArray[np.complex64]:
    """Keep the central rows of the image, (coils, rows, columns) in k-space again."""
    if kspace.shape[1] == rows:
        return kspace
    shifted = scipy.fft.ifft(scipy.fft.ifftshift(kspace, axes=1), axis=1, norm="ortho")
    hybrid = centre_crop(scipy.fft.fftshift(shifted, axes=1), rows, kspace.shape[2])
    forth = scipy.fft.fft(scipy.fft.ifftshift(hybrid, axes=1), axis=1, norm="ortho")
    return scipy.fft.fftshift(forth, axes=1)
