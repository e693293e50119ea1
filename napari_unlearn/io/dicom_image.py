"""One DICOM image file: the tags that are allowed to be read, and its pixels."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from napari_unlearn.bounded import open_file
from napari_unlearn.errors import reason
from napari_unlearn.io.errors import ReadError, looking_at

_TAGS = (
    "SpecificCharacterSet",
    "Modality",
    "BodyPartExamined",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "NumberOfFrames",
    "EchoTime",
    "EchoNumbers",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceLocation",
    "PixelSpacing",
    "ReconstructionDiameter",
    "SpacingBetweenSlices",
    "SliceThickness",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
)
"""The only tags that are read: none can name a patient."""

_DAMAGE = (
    InvalidDicomError,
    BytesLengthException,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
)

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META = 2048
"""Bytes in which the file says how it is packed."""
_MOST_PIXELS = 2**26
_MOST_ELEMENTS = 20_000
_PIXELS = Tag("PixelData")

_PIXEL_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelData",
)


@dataclass(frozen=True)
class DicomImage:
    """One image file and where it says it lies."""

    path: Path
    series: str
    series_number: int | None
    instance: int
    echo: float | None
    """[ms]"""
    shape: tuple[int, int]
    position: NDArray[np.float64] | None
    """Centre of the first pixel, LPS+ [mm]."""
    orientation: NDArray[np.float64] | None
    """(2, 3): direction of growing column index, of growing row index; LPS+."""
    location: float | None
    spacing: tuple[float, float] | None
    """(row, column) [mm]"""
    gap: float | None
    """Between slice centres, as stated [mm]."""
    body_part: str


def is_dicom(path: Path) -> bool:
    """Whether the content starts like a DICOM file."""
    try:
        with open_file(path) as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path) -> DicomImage | None:
    """The allowed tags of an image; None if the file holds no image.

    Raises:
        ReadError: if the header is damaged, or the file holds more than one grey image.
    """
    _refuse_packed(path)
    try:
        tags = _read(path, _TAGS, pixels=False)
        if "Rows" not in tags or "Columns" not in tags:
            return None
        frames = int(tags.get("NumberOfFrames") or 1)
        samples = int(tags.get("SamplesPerPixel") or 1)
        if frames != 1 or samples != 1:
            raise ReadError(
                f"{path}: {frames} frames of {samples} samples per pixel; DICOM files with one "
                "grey image each are expected (convert others to NIfTI)."
            )
        return _parse(path, tags)
    except _DAMAGE as error:
        raise ReadError(f"{path}: damaged DICOM header ({reason(error)}).") from error


def _read(path: Path, names: tuple[str, ...], *, pixels: bool) -> pydicom.Dataset:
    """These tags up to the pixels; a file of zeros would have elements without end."""
    count, last = 0, False

    def stop(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal count, last
        count += 1
        if count > _MOST_ELEMENTS:
            raise ValueError(f"more than {_MOST_ELEMENTS:,} elements")
        over, last = last, tag == _PIXELS
        return over or (last and not pixels)

    with open_file(path) as file:
        return read_partial(file, stop_when=stop, specific_tags=[Tag(name) for name in names])


def _refuse_packed(path: Path) -> None:
    """A data set deflated as a whole is unpacked at once, to a thousand times its size."""
    with looking_at(path), open_file(path) as file:
        if _DEFLATED in file.read(_META):
            raise ReadError(
                f"{path}: a deflated DICOM file; save it uncompressed, or convert it to NIfTI."
            )


def _parse(path: Path, tags: pydicom.Dataset) -> DicomImage:
    spacing = _numbers(tags, "PixelSpacing", 2)
    diameter = _numbers(tags, "ReconstructionDiameter", 1)
    shape = (int(tags.Rows), int(tags.Columns))
    if spacing is None and diameter is not None:
        spacing = np.full(2, diameter[0] / max(shape))
    position = _numbers(tags, "ImagePositionPatient", 3)
    orientation = _numbers(tags, "ImageOrientationPatient", 6)
    location = _numbers(tags, "SliceLocation", 1)
    gap = _numbers(tags, "SpacingBetweenSlices", 1)
    if gap is None or gap[0] <= 0:
        gap = _numbers(tags, "SliceThickness", 1)
    echo = _numbers(tags, "EchoTime", 1)
    if echo is None:
        echo = _numbers(tags, "EchoNumbers", 1)
    if orientation is not None:
        orientation = orientation.reshape(2, 3)
        lengths = np.linalg.norm(orientation, axis=1)
        orientation = orientation / lengths[:, None] if (lengths > 0.5).all() else None
    number = tags.get("SeriesNumber")
    return DicomImage(
        path=path,
        series=str(tags.get("SeriesInstanceUID", "")),
        series_number=None if number is None else int(number),
        instance=int(tags.get("InstanceNumber") or 0),
        echo=None if echo is None else round(float(echo[0]), 3),
        shape=shape,
        position=position,
        orientation=orientation,
        location=None if location is None else float(location[0]),
        spacing=None
        if spacing is None or (spacing <= 0).any()
        else (float(spacing[0]), float(spacing[1])),
        gap=None if gap is None or gap[0] <= 0 else float(gap[0]),
        body_part=str(tags.get("BodyPartExamined") or "").lower(),
    )


def _numbers(tags: pydicom.Dataset, name: str, count: int) -> NDArray[np.float64] | None:
    """A numeric tag, or None if it is missing or is not what the standard says."""
    value: Any = tags.get(name)
    if value is None or value == "":
        return None
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    return numbers if numbers.shape == (count,) and np.isfinite(numbers).all() else None


def read_pixels(image: DicomImage) -> NDArray[np.float32]:
    """The image, (rows, columns), with rescale slope and intercept applied.

    Raises:
        ReadError: if the pixels are missing, truncated or compressed beyond our means.
    """
    if image.shape[0] * image.shape[1] > _MOST_PIXELS:
        raise ReadError(
            f"{image.path}: declares {image.shape[0]} rows of {image.shape[1]} pixels, more than "
            "any slice has."
        )
    try:
        dataset = _read(image.path, _PIXEL_TAGS, pixels=True)
        values = dataset.pixel_array.astype(np.float32)
        slope = float(dataset.get("RescaleSlope") or 1)
        intercept = float(dataset.get("RescaleIntercept") or 0)
    except _DAMAGE as error:
        raise ReadError(f"{image.path}: its pixels cannot be read ({reason(error)}).") from error
    if values.shape != image.shape:
        raise ReadError(f"{image.path}: pixels {values.shape} do not fit its size {image.shape}.")
    return values * np.float32(slope) + np.float32(intercept)
