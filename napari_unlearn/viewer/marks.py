"""Outlines of highlighted regions: shape, stroke, colour and word say what became of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from scipy.ndimage import label
from skimage.measure import approximate_polygon, find_contours

from napari_unlearn.evaluation.comparison import KIND_VALUES, Kind, Region
from napari_unlearn.viewer.strokes import Curve, doubled, resampled, shrunk, toothed

COLOURS: dict[Kind, str] = {
    "removed": "#5FE8BC",
    "remaining": "#FF7F4F",
    "introduced": "#FFE05C",
}
"""Bluish green, vermillion, yellow: after Okabe & Ito, lightened for a dark window.

Their lightness differs as well; where it does not reach, the strokes do (`outlines`).
"""

SYMBOLS: dict[Kind, str] = {"removed": "○", "remaining": "□", "introduced": "◇"}
WORDS: dict[Kind, str] = {"removed": "removed", "remaining": "remaining", "introduced": "new"}
SIGNS: dict[Kind, str] = {"removed": "✓", "remaining": "!", "introduced": "+"}
_GRAVITY: tuple[Kind, ...] = ("introduced", "remaining", "removed")
NEUTRAL = "#9AA7B4"
"""For places on the reference, where nothing can be wrong."""

_SHADOW = "#000000B0"
"""Under every line, so that it can be read on bright tissue; not among many regions."""

# All lengths are pixels of an image of `_COMMON` pixels; in larger ones they grow with the image.
_COMMON = 96
_MARGIN = 2.0  # left free between a region and its outline, so that it stays readable
_SMALLEST = 4.0  # half-axis
_GAP = 1.6  # between the two lines of a doubled stroke
_PITCH, _NOTCH = 1.4, 1.1  # of a toothed stroke
_WIDTH = 0.9
_THICK = 1.7
_RIM = 1.0  # of the shadow under a line, both sides together
_THIN = 0.75  # of those widths, among many regions and where the outline is no verdict
_LETTER = 0.045  # width of a letter, share of the image where tiles are narrow
_LINE = 1.5  # height of a line of text, in letters' widths
_LARGEST = 0.3  # half-axis, share of the image; larger regions are traced instead
_LARGEST_IN_A_CROWD = 0.1
_CROWD = 8  # regions on a slice from which on wide shapes would hide the anatomy
_UNIT: dict[Kind, NDArray[np.float64]] = {
    "removed": np.array(
        [(np.sin(angle), np.cos(angle)) for angle in np.linspace(0, 2 * np.pi, 33)]
    ),
    "remaining": np.array([(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)], dtype=float),
    "introduced": np.array([(-1, 0), (0, 1), (1, 0), (0, -1), (-1, 0)], dtype=float),
}
_REACH: dict[Kind, float] = {"removed": 1.25, "remaining": 1.0, "introduced": 1.6}


def outlines(
    region: Region, highlights: NDArray[np.uint8], *, crowded: bool = False
) -> list[NDArray[np.float64]]:
    """Closed curves that show a region, (vertices, 3) each in voxels (slice, row, column).

    A small region is surrounded by an ellipse of one line if it was removed, a rectangle of
    two lines if it remains, a diamond (`draw` makes it thick) if it is new. A large one is
    traced, by one line, by two, or by teeth, and the same shape, small, sits inside.

    Args:
        region: Where.
        highlights: Per pixel the kind, (slices, rows, columns).
        crowded: Its slice has many regions, so that more of them are traced.
    """
    grain = _grain(highlights)
    low, high = np.array(region.box[:2], float), np.array(region.box[2:], float)
    smallest = _SMALLEST * grain
    margin = (_MARGIN + (_GAP if region.kind == "remaining" else 0)) * grain
    half = np.maximum((high - low) / 2 * _REACH[region.kind] + margin, smallest)
    largest = _LARGEST_IN_A_CROWD if crowded else _LARGEST
    if (half <= largest * np.array(highlights.shape[1:])).all():
        return [_on_slice(region, _shape(region.kind, (low + high - 1) / 2, half, grain))]
    badge = _shape(region.kind, np.array(region.centre), np.full(2, smallest), grain)
    return [_on_slice(region, badge), *_traced(region, highlights)]


def _grain(highlights: NDArray[np.uint8]) -> float:
    """How much larger than a common one the image is."""
    return max(1.0, max(highlights.shape[1:]) / _COMMON)


def _shape(kind: Kind, centre: Curve, half: Curve, grain: float) -> Curve:
    """Ellipse, rectangle or diamond with these half-axes; the rectangle has two lines."""
    curve = centre + _UNIT[kind] * half
    if kind == "remaining":
        return doubled(curve, centre + _UNIT[kind] * (half - _GAP * grain))
    return curve


def _stroke(kind: Kind, curve: Curve, grain: float) -> Curve:
    """A traced border in the stroke of its kind."""
    if kind == "remaining":
        even = resampled(curve, _PITCH * grain)
        return doubled(curve, approximate_polygon(shrunk(even, _GAP * grain), 0.2))
    if kind == "introduced":
        return toothed(curve, _PITCH * grain, _NOTCH * grain)
    return curve


def _traced(region: Region, highlights: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    first_row, first_column, last_row, last_column = region.box
    inside = highlights[region.slice, first_row:last_row, first_column:last_column]
    parts, count = label(inside == KIND_VALUES[region.kind])
    if not count:
        return []
    largest = 1 + np.argmax(np.bincount(parts.ravel())[1:])
    curves = find_contours(np.pad(parts == largest, 1).astype(float), 0.5)
    border = np.array([first_row - 1, first_column - 1])
    smooth = [approximate_polygon(curve, 0.4) + border for curve in curves if len(curve) > 12]
    grain = _grain(highlights)
    return [_on_slice(region, _stroke(region.kind, curve, grain)) for curve in smooth]


def _on_slice(region: Region, plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.full(len(plane), float(region.slice)), plane])


def labels(regions: Sequence[Region], *, named: bool = True) -> list[str]:
    """What is written beside each region: on every slice the largest of its kind gets a word.

    The others, and all if none is `named`, get a sign, and nothing where they are many.
    """
    crowds = Counter(region.slice for region in regions)
    largest: dict[tuple[int, Kind], Region] = {}
    for region in sorted(regions, key=lambda each: each.area):
        largest[region.slice, region.kind] = region
    signs = [" " if crowds[region.slice] >= _CROWD else SIGNS[region.kind] for region in regions]
    if not named:
        return signs
    return [
        WORDS[region.kind] if largest[region.slice, region.kind] is region else sign
        for region, sign in zip(regions, signs, strict=True)
    ]


def draw(
    layer: Shapes,
    regions: Sequence[Region],
    highlights: NDArray[np.uint8] | None,
    *,
    neutral: bool = False,
    named: bool = True,
) -> None:
    """Replace a layer's outlines.

    Args:
        layer: Loses what it has.
        regions: To be outlined.
        highlights: Per pixel the kind, (slices, rows, columns); None draws nothing.
        neutral: Draw places rather than verdicts.
        named: Write words beside the largest regions, else signs.
    """
    put(layer, marks_of(regions, highlights, neutral=neutral, named=named), highlights)


def put(layer: Shapes, marks: "Sequence[Mark]", highlights: NDArray[np.uint8] | None) -> None:
    """Replace a layer's outlines by what `marks_of` made of these highlights."""
    # One redraw in the end. Outlines lie in their image: their extent tells nobody anything.
    with layer.events.blocker_all():
        layer.selected_data = set(range(layer.nshapes))
        layer.remove_selected()
        if marks and highlights is not None:
            _add(layer, marks, highlights)
    layer.refresh(extent=False)


def _add(layer: Shapes, marks: "Sequence[Mark]", highlights: NDArray[np.uint8]) -> None:
    side = _side(marks, highlights.shape[2])
    marks = _legible(marks, side, _LETTER * highlights.shape[2])
    rim = _RIM * _grain(highlights)
    shadows = [
        replace(mark, word=" ", colour=_SHADOW, width=mark.width + rim)
        for mark in marks
        if mark.shadowed
    ]
    every = [*shadows, *marks]  # those that come later lie above
    layer.add(
        [mark.curve for mark in every],
        shape_type="path",
        edge_width=[mark.width for mark in every],
        edge_color=[mark.colour for mark in every],
        face_color="transparent",
    )
    layer.text.anchor = side
    layer.features = {
        "sign": [mark.word for mark in every],
        "colour": [mark.colour for mark in every],
    }
    layer.selected_data = set()


@dataclass(frozen=True, eq=False)
class Mark:
    """One line of an outline."""

    curve: NDArray[np.float64]
    """(vertices, 3), voxels"""
    kind: Kind
    word: str
    colour: str
    width: float
    """[pixels]"""
    shadowed: bool


def marks_of(
    regions: Sequence[Region],
    highlights: NDArray[np.uint8] | None,
    *,
    neutral: bool = False,
    named: bool = True,
) -> list[Mark]:
    """Make the outlines of regions, in any thread: the slow part of `draw`, arguments as there."""
    if highlights is None:
        return []
    crowds = Counter(region.slice for region in regions)
    marks = []
    for region, word in zip(regions, labels(regions, named=named), strict=True):
        crowded = crowds[region.slice] >= _CROWD
        share = _grain(highlights) * (_THIN if neutral or crowded else 1.0)
        colour = NEUTRAL if neutral else COLOURS[region.kind]
        for place, curve in enumerate(outlines(region, highlights, crowded=crowded)):
            first = place == 0
            width = _THICK if first and region.kind == "introduced" else _WIDTH
            said = word if first and not neutral else " "
            shadowed = not (neutral or crowded)
            marks.append(Mark(curve, region.kind, said, colour, share * width, shadowed))
    return marks


def _side(marks: Sequence[Mark], columns: int) -> str:
    """From which corner of their outlines words run, so that few run out of the image."""
    leftward = rightward = 0.0
    for mark in marks:
        length = _LETTER * columns * len(mark.word)
        rightward += max(0.0, mark.curve[:, 2].min() + length - columns)
        leftward += max(0.0, length - mark.curve[:, 2].max())
    return "upper_right" if leftward < rightward else "upper_left"


def _legible(marks: Sequence[Mark], side: str, letter: float) -> list[Mark]:
    """Words that would be written over a graver one give way to a sign."""
    taken: list[tuple[float, float, float, float]] = []
    words = [mark.word for mark in marks]
    gravest_first = sorted(range(len(marks)), key=lambda place: _GRAVITY.index(marks[place].kind))
    for place in gravest_first:
        mark = marks[place]
        if mark.word != WORDS[mark.kind]:
            continue
        slice_, bottom, left = mark.curve.min(axis=0)
        length = letter * len(mark.word)
        if side == "upper_right":
            left = mark.curve[:, 2].max() - length
        if any(
            slice_ == other
            and abs(bottom - other_bottom) < _LINE * letter
            and left < other_right
            and other_left < left + length
            for other, other_bottom, other_left, other_right in taken
        ):
            words[place] = SIGNS[mark.kind]
        else:
            taken.append((slice_, bottom, left, left + length))
    return [replace(mark, word=word) for mark, word in zip(marks, words, strict=True)]


def legend() -> str:
    """The kinds by symbol, word and colour, as HTML."""
    return " &nbsp; ".join(
        f'<span style="color:{colour}">{SYMBOLS[kind]} {kind}</span>'
        for kind, colour in COLOURS.items()
    )


def tally(regions: Iterable[Region]) -> str:
    """Count regions by kind in one line, e.g. "○ 3 removed  □ 1 remaining"."""
    counts = Counter(region.kind for region in regions)
    parts = [f"{SYMBOLS[kind]} {counts[kind]} {WORDS[kind]}" for kind in COLOURS if counts[kind]]
    return "  ".join(parts) or "nothing highlighted"


def worst_colour(regions: Iterable[Region]) -> str:
    """Colour of the gravest kind present; the calm one if all is removed."""
    kinds = {region.kind for region in regions}
    for kind in _GRAVITY:
        if kind in kinds:
            return COLOURS[kind]
    return NEUTRAL
