"""A region of a slice that somebody outlined, as a mask; said in a line or in a file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from napari_unlearn.bounded import open_file
from napari_unlearn.errors import UnlearnError, WrongUse, reason, shortened

_RECTANGLE = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*")
_MOST_BYTES = 1 << 20
_ACCEPTED = (
    "a rectangle FIRST:END,FIRST:END of rows and columns, e.g. 20:36,40:58, or a GeoJSON file of "
    "polygons with corners [column, row]"
)


def read_outline(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of a region, (rows, columns).

    Args:
        text: "r0:r1,c0:c1", from a row and a column up to, not including, the others; or the
            path of a GeoJSON file whose polygons have corners [column, row] in pixels. Pixel
            (r, c) lies at the corner (c, r); rings after a polygon's first are its holes.
        shape: Rows and columns of the image.

    Raises:
        WrongUse: if it is neither, or holds no pixel of the image.
        UnlearnError: if the file cannot be read.
    """
    rectangle = _RECTANGLE.fullmatch(text)
    if rectangle:
        inside = np.zeros(shape, bool)
        first, end, left, right = map(int, rectangle.groups())
        inside[first:end, left:right] = True
    else:
        inside = _polygons(text, shape)
    if not inside.any():
        rows, columns = shape
        raise WrongUse(
            f"The region '{text}' holds no pixel of the image, which has {rows} rows and "
            f"{columns} columns; accepted: {_ACCEPTED}."
        )
    return inside


def _polygons(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    path = Path(text)
    if path.suffix.lower() not in (".json", ".geojson"):
        raise WrongUse(f"The region '{text}' is not understood; accepted: {_ACCEPTED}.")
    try:
        with open_file(path) as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnlearnError(f"{path}: cannot be read ({error.strerror}).") from error
    inside = np.zeros(shape, bool)
    try:
        if len(content) > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES >> 20} MiB")
        for rings in _of(json.loads(content)):
            inside |= _filled(rings, shape)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise WrongUse(
            f"{path}: not an outline ({reason(error)}); accepted: {_ACCEPTED}."
        ) from error
    return inside


def _of(entry: dict[str, Any]) -> Iterator[list[Any]]:
    """Lists of rings of all the polygons in a GeoJSON object."""
    kind = entry["type"]
    if kind == "FeatureCollection":
        for feature in entry["features"]:
            yield from _of(feature)
    elif kind == "Feature":
        yield from _of(entry["geometry"])
    elif kind == "MultiPolygon":
        yield from entry["coordinates"]
    elif kind == "Polygon":
        yield entry["coordinates"]
    else:
        raise ValueError(f"'{shortened(kind)}' where polygons are expected")


def _filled(rings: list[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    outer, *holes = (_corners(ring) for ring in rings)
    inside = polygon2mask(shape, outer)
    for hole in holes:
        inside &= ~polygon2mask(shape, hole)
    return inside


def _corners(ring: Any) -> NDArray[np.float64]:
    """(corners, 2) of row and column."""
    corners = np.asarray(ring, np.float64)
    if corners.ndim != 2 or corners.shape[1] < 2 or len(corners) < 3:
        raise ValueError("a ring needs at least three corners [column, row]")
    if not np.isfinite(corners).all():
        raise ValueError("a corner is not finite")
    return corners[:, 1::-1]
