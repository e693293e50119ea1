"""A region that a reader marked on one slice."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self

from napari_unlearn.errors import reason

Shape = Literal["rectangle", "polygon"]
Points = tuple[tuple[float, float], ...]

MOST_VERTICES = 2000
_DIGITS = 3  # a thousandth of a pixel is finer than any hand


@dataclass(frozen=True)
class Region:
    """A closed outline; its last vertex is joined to its first."""

    shape: Shape
    slice: int
    """Counted from 0."""
    pixels: Points
    """(row, column) of every vertex; whole numbers are centres of pixels."""
    mm: Points
    """The same times the voxel size, from the centre of the first pixel [mm]."""
    area_mm2: float
    """Inside the outline, after Gauss (shoelace) [mm^2]."""

    @classmethod
    def drawn(
        cls,
        shape: Shape,
        index: int,
        vertices: Iterable[Sequence[float]],
        voxel_size: tuple[float, float, float],
    ) -> Self:
        """A region from vertices (row, column) in pixels on a grid of such voxels [mm]."""
        pixels = tuple((round(float(r), _DIGITS), round(float(c), _DIGITS)) for r, c in vertices)
        _, row, column = voxel_size
        mm = tuple((round(r * row, _DIGITS), round(c * column, _DIGITS)) for r, c in pixels)
        return cls(shape, index, pixels, mm, round(_area(mm), _DIGITS))


def regions_text(regions: Iterable[Region]) -> str:
    """Regions as JSON on one line; nothing for none."""
    listed = [asdict(region) for region in regions]
    return json.dumps(listed, separators=(",", ":"), allow_nan=False) if listed else ""


def regions_from(text: str) -> tuple[Region, ...]:
    """What `regions_text` wrote.

    Raises:
        ValueError: if it is something else.
    """
    if not text:
        return ()
    try:
        return tuple(_region(entry) for entry in json.loads(text))
    except (TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no list of regions: {reason(error)}") from error


def _region(entry: dict) -> Region:
    if entry["shape"] not in ("rectangle", "polygon") or set(entry) != set(Region.__annotations__):
        raise ValueError(f"no region ({entry['shape']!r})")
    pixels, mm = (tuple((float(r), float(c)) for r, c in entry[key]) for key in ("pixels", "mm"))
    numbers = [n for point in (*pixels, *mm) for n in point] + [float(entry["area_mm2"])]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a region with infinite corners")
    return Region(entry["shape"], int(entry["slice"]), pixels, mm, float(entry["area_mm2"]))


def _area(points: Points) -> float:
    following = (*points[1:], *points[:1])
    twice = sum(a * d - b * c for (a, b), (c, d) in zip(points, following, strict=True))
    return abs(twice) / 2
