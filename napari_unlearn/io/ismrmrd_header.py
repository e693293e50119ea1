"""The few lines of an ISMRMRD header that fastMRI and MRD files need, read and written."""

import math
from dataclasses import dataclass
from xml.etree import ElementTree

from napari_unlearn.io.errors import ReadError
from napari_unlearn.mri.scan import Header

_NAMESPACE = "http://www.ismrm.org/ISMRMRD"
MOST_CHARACTERS = 2**20
_MOST_MATRIX = 2**16


@dataclass(frozen=True)
class Space:
    """Matrix and field of view of one of ISMRMRD's spaces, in fastMRI's order."""

    matrix: tuple[int, int, int]
    """(rows, columns, slices)"""
    field_of_view: tuple[float, float, float]
    """(rows, columns, slices) [mm]"""

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (slice, row, column) [mm]."""
        row, column, slice_ = (f / m for f, m in zip(self.field_of_view, self.matrix, strict=True))
        return slice_, row, column


@dataclass(frozen=True)
class Encoding:
    """How the first encoding of a measurement fills k-space."""

    encoded: Space
    recon: Space
    centre: int | None
    """Value of kspace_encode_step_1 at the centre of k-space; None if the header is silent."""
    trajectory: str


def parse_recon_space(xml: str | bytes, where: str) -> Space | None:
    """The space of the reconstructed images; None if the header does not give one.

    Raises:
        ReadError: if the text is not plain XML, is too long, or holds impossible numbers.
    """
    space = _root(xml, where).find(f".//{{{_NAMESPACE}}}reconSpace")
    return None if space is None else _space(space, where)


def parse_encoding(xml: str | bytes, where: str) -> Encoding:
    """The first encoding of an MRD file.

    Raises:
        ReadError: as `parse_recon_space`, and if there is no encoding or it lacks a space.
    """
    names = {"i": _NAMESPACE}
    encoding = _root(xml, where).find("i:encoding", names)
    spaces = [
        None if encoding is None else encoding.find(f"i:{name}", names)
        for name in ("encodedSpace", "reconSpace")
    ]
    if encoding is None or spaces[0] is None or spaces[1] is None:
        raise ReadError(
            f"{where}: the ISMRMRD header has no encoding with encodedSpace and reconSpace, which "
            "say how large k-space and images are."
        )
    limit = encoding.findtext("i:encodingLimits/i:kspace_encoding_step_1/i:center", None, names)
    centre = limit.strip() if limit is not None else ""
    if limit is not None and not (centre.isascii() and centre.isdigit() and len(centre) < 6):
        raise ReadError(
            f"{where}: the centre of kspace_encoding_step_1 in the ISMRMRD header is "
            f"{centre[:40]!r}; a number from 0 to 65535 is expected."
        )
    return Encoding(
        encoded=_space(spaces[0], where),
        recon=_space(spaces[1], where),
        centre=int(centre) if centre else None,
        trajectory=encoding.findtext("i:trajectory", "", names).strip()[:40],
    )


def _root(xml: str | bytes, where: str) -> ElementTree.Element:
    if len(xml) > MOST_CHARACTERS:
        raise ReadError(f"{where}: the ismrmrd_header is longer than {MOST_CHARACTERS} bytes.")
    text = xml.decode("utf-8", errors="replace") if isinstance(xml, bytes) else xml
    # Entities are the only way XML can grow, or reach another file; ISMRMRD has none.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ReadError(f"{where}: the ismrmrd_header defines XML entities, which are refused.")
    try:
        return ElementTree.fromstring(text.strip().strip("\0"))
    except (ElementTree.ParseError, ValueError) as error:
        raise ReadError(f"{where}: the ismrmrd_header is not XML ({error}).") from error


def _space(space: ElementTree.Element, where: str) -> Space:
    matrix = tuple(_number(space, "matrixSize", axis, where) for axis in "xyz")
    view = tuple(_number(space, "fieldOfView_mm", axis, where) for axis in "xyz")
    if any(m != int(m) or m > _MOST_MATRIX for m in matrix):
        raise ReadError(
            f"{where}: impossible {_name(space)} matrixSize {matrix} in ismrmrd_header."
        )
    rows, columns, slices = (int(m) for m in matrix)
    return Space((rows, columns, slices), (view[0], view[1], view[2]))


def _number(space: ElementTree.Element, name: str, axis: str, where: str) -> float:
    text = space.findtext(f"{{{_NAMESPACE}}}{name}/{{{_NAMESPACE}}}{axis}", default="")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ReadError(
            f"{where}: {_name(space)} {name} {axis} in ismrmrd_header is {text.strip()[:40]!r}; "
            "a positive number is expected."
        )
    return value


def _name(space: ElementTree.Element) -> str:
    return space.tag.rpartition("}")[2]


def format_header(header: Header) -> str:
    """An ISMRMRD header that fastMRI's `SliceDataset` can read."""
    thickness, row, column = header.voxel_size

    def space(name: str, rows: int, columns: int) -> str:
        return (
            f"<{name}><matrixSize><x>{rows}</x><y>{columns}</y><z>1</z></matrixSize>"
            f"<fieldOfView_mm><x>{rows * row:.6g}</x><y>{columns * column:.6g}</y>"
            f"<z>{thickness:.6g}</z></fieldOfView_mm></{name}>"
        )

    return (
        f'<?xml version="1.0"?><ismrmrdHeader xmlns="{_NAMESPACE}"><encoding>'
        + space("encodedSpace", header.rows, header.columns)
        + space("reconSpace", header.image_rows, header.image_columns)
        + "<encodingLimits><kspace_encoding_step_1><minimum>0</minimum>"
        f"<maximum>{header.columns - 1}</maximum><center>{header.columns // 2}</center>"
        "</kspace_encoding_step_1></encodingLimits>"
        "<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"
    )
