"""Regions of a reader as shapes of a layer, and back."""

from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_unlearn.reading.region import MOST_VERTICES, Region, Shape

COLOUR = "#E69F00"
"""Orange of Okabe & Ito: seen on grey by everybody."""

_WIDTH = 1.0  # pixels of the image
_CORNERS = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)], dtype=float)
_CIRCLE = np.array([(np.sin(t), np.cos(t)) for t in np.linspace(0, 2 * np.pi, 48, endpoint=False)])


def marks_layer(label: str, geometry: dict[str, Any]) -> Shapes:
    """An empty layer for the regions of one image."""
    layer = Shapes(ndim=3, name=f"{label} marks", opacity=1.0, **geometry)
    layer.current_edge_color = COLOUR
    layer.current_face_color = "transparent"
    layer.current_edge_width = _WIDTH
    return layer


def draw_regions(layer: Shapes, regions: tuple[Region, ...]) -> None:
    """Replace what a layer shows."""
    if layer.nshapes:
        layer.selected_data = set(range(layer.nshapes))
        layer.remove_selected()
    if regions:
        layer.add(
            [_vertices(region) for region in regions],
            shape_type=[region.shape for region in regions],
            edge_width=_WIDTH,
            edge_color=COLOUR,
            face_color="transparent",
        )
        layer.selected_data = set()


def regions_of(layer: Shapes, voxel_size: tuple[float, float, float]) -> tuple[Region, ...]:
    """What somebody drew: rectangles, and whatever else is closed as polygons.

    Lines enclose nothing and are left out, as is what has no area.
    """
    found = []
    for kind, vertices in zip(layer.shape_type, layer.data, strict=True):
        points = np.asarray(vertices, dtype=float)
        index = round(float(points[:, 0].mean()))
        corners = points[:, 1:]
        if kind == "line" or len(corners) < 3 or not np.isfinite(corners).all():
            continue
        if kind == "ellipse":
            corners = _ellipse(corners)
        corners = corners[:: -(-len(corners) // MOST_VERTICES)]
        shape: Shape = "rectangle" if kind == "rectangle" else "polygon"
        region = Region.drawn(shape, index, corners.tolist(), voxel_size)
        if region.area_mm2 > 0:
            found.append(region)
    return tuple(found)


def frame(
    index: int, centre: tuple[float, float], half: float, voxel_size: tuple[float, float, float]
) -> Region:
    """A square about a centre (row, column) [pixels] with half a side [mm]."""
    sides = half / np.array(voxel_size[1:])
    corners = np.array(centre) + _CORNERS * sides
    return Region.drawn("rectangle", index, corners.tolist(), voxel_size)


def _vertices(region: Region) -> NDArray[np.float64]:
    corners = np.array(region.pixels, dtype=float)
    return np.column_stack([np.full(len(corners), float(region.slice)), corners])


def _ellipse(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the ellipse that touches the sides of a (turned) rectangle."""
    centre = box.mean(axis=0)
    first, second = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return centre + _CIRCLE @ np.array([first, second])
