"""What was drawn by hand over one tile: its layer, and its shapes as regions and lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_unlearn.evaluation.line_profile import DrawnLine
from napari_unlearn.evaluation.region_metrics import DrawnRegion, ellipse_outline

COLOUR = "#56B4E9"
"""Sky blue, after Okabe & Ito: none of the verdicts has it."""

_WIDTH = 0.6  # pixels of the image
_SMALLEST = 1.0  # pixel, or square of pixels: less is a click, not a drawing


@dataclass(frozen=True, eq=False)
class Drawn:
    """One shape."""

    vertices: NDArray[np.float64]
    """(vertices, 3) as (slice, row, column) [pixels]"""
    kind: str
    """napari's name: rectangle, ellipse, polygon, line or path."""

    @property
    def is_line(self) -> bool:
        """Whether it encloses nothing."""
        return self.kind in ("line", "path")

    @property
    def outline(self) -> NDArray[np.float64]:
        """Its points on the slice, (points, 2)."""
        plane = self.vertices[:, -2:]
        return ellipse_outline(plane) if self.kind == "ellipse" else plane

    @property
    def size(self) -> float:
        """Length of a line [pixels], area of anything else [square pixels]."""
        points = self.outline
        if self.is_line:
            return float(np.hypot(*np.diff(points, axis=0).T).sum())
        rows, columns = points.T
        return float(abs(rows @ np.roll(columns, 1) - columns @ np.roll(rows, 1)) / 2)

    def named(self, number: int) -> DrawnRegion | DrawnLine:
        """What may be measured, under its number."""
        index = round(float(self.vertices[0, 0]))
        points = tuple((float(row), float(column)) for row, column in self.outline)
        if self.is_line:
            return DrawnLine(index, points, number)
        return DrawnRegion(index, points, number)


def drawn_layer(over: Shapes, name: str) -> Shapes:
    """Make an empty layer in the place of another."""
    layer = Shapes(
        ndim=3,
        name=name,
        opacity=1.0,
        text={"string": "{number}", "color": COLOUR, "size": 11, "anchor": "upper_left"},
        features={"number": np.array([], dtype=object)},
        feature_defaults={"number": " "},
        scale=over.scale,
        units=over.units,
        axis_labels=over.axis_labels,
    )
    layer.current_edge_color, layer.current_face_color = COLOUR, "transparent"
    layer.current_edge_width = _WIDTH
    return layer


def shapes_of(layer: Shapes) -> list[Drawn]:
    """What a layer holds, but for what is too small to have been meant."""
    pairs = zip(layer.data, layer.shape_type, strict=True)
    found = [Drawn(np.array(vertices, float), str(kind)) for vertices, kind in pairs]
    return [each for each in found if len(each.vertices) > 1 and each.size >= _SMALLEST]


def put(layer: Shapes, shapes: Sequence[Drawn]) -> None:
    """Replace what a layer holds."""
    with layer.events.blocker_all():
        layer.selected_data = set(range(layer.nshapes))
        layer.remove_selected()
    if not shapes:
        layer.refresh()
        return
    layer.add(
        [each.vertices for each in shapes],
        shape_type=[each.kind for each in shapes],
        edge_width=_WIDTH,
        edge_color=COLOUR,
        face_color="transparent",
    )
    number(layer)
    layer.selected_data = set()


def number(layer: Shapes) -> None:
    """Write their numbers beside the shapes."""
    layer.features = {"number": [str(place + 1) for place in range(layer.nshapes)]}
