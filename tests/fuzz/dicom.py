"""DICOM files and series, and what can be wrong with their tags."""

import zlib
from pathlib import Path
from random import Random

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.fuzz.kind import Change, Kind
from tests.io.dicom_files import write_series

_NUMBERS = (0, 1, 2, 3, 65535, 32768)
_TEXTS = (
    "",
    "NaN",
    "inf",
    "-1",
    "0",
    "1e999",
    "9" * 5000,
    "a",
    "1\\2\\3\\4",
    "\\\\\\",
    "\x00",
    "1e308",
)
_INTS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_INT_TAGS = (*_INTS, "SamplesPerPixel", "PlanarConfiguration")
_DECIMALS = ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation")
_TEXT_TAGS = (
    *_DECIMALS,
    *("SpacingBetweenSlices", "SliceThickness", "EchoTime", "EchoNumbers", "NumberOfFrames"),
    *("RescaleSlope", "RescaleIntercept", "SeriesNumber", "InstanceNumber", "BodyPartExamined"),
    *("SpecificCharacterSet", "PhotometricInterpretation", "ReconstructionDiameter"),
    "SeriesInstanceUID",
)


def _file(folder: Path, rng: Random) -> Path:
    return rng.choice(sorted(folder.rglob("*.dcm")))


def _patched(path: Path, tag: str, text: bytes) -> None:
    """Write a tag by hand, as pydicom would refuse to."""
    image = pydicom.dcmread(path)
    keyword = pydicom.datadict.tag_for_keyword(tag)
    kind = pydicom.datadict.dictionary_VR(keyword)
    image[keyword] = DataElement(keyword, "UN" if kind == "SQ" else "LO", "@@")
    image.save_as(path)
    order = ">" if image.is_little_endian is False else "<"
    content = path.read_bytes()
    text = text + b" " * (len(text) % 2)
    size = len(text).to_bytes(2, "big" if order == ">" else "little")
    content = content.replace(b"LO\x02\x00@@", kind.encode() + size + text)
    content = content.replace(b"LO\x00\x02@@", kind.encode() + size + text)
    path.write_bytes(content)


def odd_number(folder: Path, rng: Random) -> str:
    """A size or a number of bits that is not that of the pixels."""
    path, tag, number = _file(folder, rng), rng.choice(_INT_TAGS), rng.choice(_NUMBERS)
    image = pydicom.dcmread(path)
    setattr(image, tag, rng.choice([number, 7, 12, 16, 32, 64]))
    if tag in ("Rows", "Columns") and rng.random() < 0.3:
        image.Rows = image.Columns = 65535
    number = image[tag].value
    image.save_as(path)
    return f"{path.name}: {tag} = {number}"


def odd_text(folder: Path, rng: Random) -> str:
    """A number written as text that is none, or too many of them."""
    path, tag, text = _file(folder, rng), rng.choice(_TEXT_TAGS), rng.choice(_TEXTS)
    _patched(path, tag, text.encode())
    return f"{path.name}: {tag} = {text[:20]!r}"


def taken_out(folder: Path, rng: Random) -> str:
    """A tag is missing."""
    path = _file(folder, rng)
    image = pydicom.dcmread(path)
    tag = rng.choice([element.keyword for element in image])
    delattr(image, tag)
    image.save_as(path)
    return f"{path.name}: no {tag}"


def odd_pixels(folder: Path, rng: Random) -> str:
    """Too few or too many pixels, or packed ones that do not unpack."""
    path = _file(folder, rng)
    image = pydicom.dcmread(path)
    image.PixelData = rng.choice([b"", b"\0\0", rng.randbytes(59 * 2), bytes(2**20)])
    how = rng.choice(["plain", "JPEG", "JPEG 2000", "RLE", "JPEG-LS"])
    syntaxes = {
        "JPEG": uid.JPEGBaseline8Bit,
        "JPEG 2000": uid.JPEG2000Lossless,
        "RLE": uid.RLELossless,
        "JPEG-LS": uid.JPEGLSLossless,
    }
    if how != "plain":
        image.file_meta.TransferSyntaxUID = syntaxes[how]
        image.PixelData = pydicom.encaps.encapsulate([rng.randbytes(400)])
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    else:
        image.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    _rewritten(image).save_as(path, little_endian=True, implicit_vr=False)
    return f"{path.name}: {how} pixels of {len(image.PixelData)} bytes"


def _rewritten(image: Dataset) -> Dataset:
    """The same tags without the byte order that they were read in."""
    again = Dataset()
    again.file_meta = image.file_meta
    for element in image:
        again.add(element)
    return again


def deep(folder: Path, rng: Random) -> str:
    """Sequences in sequences, far deeper than anybody nests them."""
    path = _file(folder, rng)
    content = path.read_bytes()
    levels = rng.choice([50, 2000, 20_000])
    sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    # Put before the series' own tags: readers have to get past it.
    place = content.find(b"\x08\x00\x18\x00UI")
    place = place if place > 0 else content.find(b"\x00\x08\x00\x18UI")
    path.write_bytes(content[:place] + sequence * levels + content[place:])
    return f"{path.name}: {levels} sequences in each other"


def nested(folder: Path, rng: Random) -> str:
    """A private sequence of a thousand items, and an overlong private tag."""
    path = _file(folder, rng)
    image = pydicom.dcmread(path)
    item = Dataset()
    item.PatientName = "A" * 100
    image.ReferencedImageSequence = Sequence([item] * 1000)
    image.add_new(0x00091001, "UN", b"\xff" * 60_000)
    image.save_as(path)
    return f"{path.name}: a sequence of 1000 items"


def deflated(folder: Path, rng: Random) -> str:
    """The whole data set as a deflated stream, which may unpack to very much."""
    path = _file(folder, rng)
    meta = pydicom.dcmread(path).file_meta
    meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.write(bytes(128) + b"DICM")
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    pydicom.filewriter.write_file_meta_info(buffer, meta)
    size = rng.choice([0, 2**20, 2**28])
    body = (
        b"\x08\x00\x60\x00CS\x02\x00MR" + b"\x09\x00\x01\x10UN\x00\x00" + size.to_bytes(4, "little")
    )
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(body)
    for _ in range(size >> 20):
        packed += packer.compress(bytes(2**20))
    path.write_bytes(buffer.getvalue() + packed + packer.flush())
    return f"{path.name}: deflated, {size >> 20} MiB of zeros"


def mixed(folder: Path, rng: Random) -> str:
    """A second series, sizes that differ, or the same slice twice."""
    path = _file(folder, rng)
    image = pydicom.dcmread(path)
    how = rng.choice(["series", "size", "twice", "turned"])
    if how == "series":
        image.SeriesInstanceUID, image.SeriesNumber = "1.2.4", rng.choice([None, 9])
    elif how == "size":
        image.Rows, image.PixelData = 5, np.zeros((5, 5), np.int16).tobytes()
    elif how == "turned":
        image.ImageOrientationPatient = rng.choice([[0] * 6, [1, 0, 0, 1, 0, 0], [1e30] * 6])
    image.save_as(path.with_name("extra.dcm"))
    if how in ("size", "turned"):
        image.save_as(path)
    return f"another file, {how}"


_CHANGES: tuple[Change, ...] = (
    *(odd_number, odd_number, odd_text, odd_text, odd_text, taken_out, odd_pixels),
    *(deep, nested, deflated, mixed),
)


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    series = write_series(folder / "dicom", slices=2, echo_times=(5, 9), big_endian=False)
    files = {f"d/{path.name}": path.read_bytes() for path in sorted(series.iterdir())}
    old = write_series(folder / "old", slices=1, echo_times=(5,))
    one = {"d/001.dcm": (old / "001.dcm").read_bytes()}
    doors = ("info", "scan", "layer")
    return [
        Kind("dicom", one, "d/001.dcm", doors, _CHANGES),
        Kind("dicom-series", files, "d", doors, _CHANGES, hurt="d/001.dcm"),
    ]
