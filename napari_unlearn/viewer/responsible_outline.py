"""Regions that can be asked about: those a comparison marked, and those drawn by hand."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from skimage.draw import polygon2mask

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import KIND_VALUES, ArmResult, Comparison, Region

if TYPE_CHECKING:
    from napari.layers import Shapes

    from napari_unlearn.mri.scan import Header

_MOST = 12  # regions that are offered, the largest first
_ROUND = 64  # corners of a polygon that stands for an ellipse


@dataclass(frozen=True, eq=False)
class Marked:
    """A region of one slice."""

    title: str
    slice: int
    inside: NDArray[np.bool_]
    """(rows, columns)"""


def marked_regions(comparison: Comparison, run: str) -> Iterator[Marked]:
    """The largest regions that a model painted wrongly.

    Args:
        comparison: With highlights.
        run: The arm of this name or role; without one the first arm.
    """
    arms = comparison.arms
    arm = next((arm for arm in arms if run in (arm.name, arm.role)), arms[0])
    own = [region for region in arm.regions if arm.role == "original" or region.kind != "removed"]
    for region in own[:_MOST]:
        polarity = " too bright" if region.mean_error > 0 else " too dark"
        if not math.isfinite(region.mean_error):
            polarity = ""  # without a reference nobody knows
        title = f"{region.label}: {region.area:.0f} mm²{polarity}, slice {region.slice}"
        yield Marked(title, region.slice, region_mask(arm, region))


def region_mask(arm: ArmResult, region: Region) -> NDArray[np.bool_]:
    """The pixels of a region, (rows, columns).

    Raises:
        UnlearnError: if the arm has no highlights.
    """
    if arm.highlights is None:
        raise UnlearnError(f"{arm.name} has no regions; compare with a reference first.")
    first, left, end, right = region.box
    box = (slice(first, end), slice(left, right))
    numbers, _ = label(arm.highlights[region.slice] == KIND_VALUES[region.kind], np.ones((3, 3)))
    sizes = np.bincount(numbers[box].ravel())
    sizes[0] = 0  # a box may hold the corner of a neighbour: the largest is the region
    inside = np.zeros(numbers.shape, bool)
    inside[box] = numbers[box] == sizes.argmax() if sizes.any() else True
    return inside


def drawn_region(layer: "Shapes", header: "Header", index: int) -> Marked:
    """What is drawn in a layer on one slice, all shapes together.

    Raises:
        UnlearnError: if nothing with an area is drawn there.
    """
    shape = (header.image_rows, header.image_columns)
    inside = np.zeros(shape, bool)
    for corners, kind in zip(layer.data, layer.shape_type, strict=True):
        places = _places(layer, np.asarray(corners), header)
        if kind in ("line", "path") or not _on(places, index):
            continue
        outline = _ellipse(places[:, -2:]) if kind == "ellipse" else places[:, -2:]
        inside |= polygon2mask(shape, outline)
    if not inside.any():
        raise UnlearnError(
            f"Nothing is drawn in '{layer.name}' on slice {index}; draw a polygon, rectangle or "
            "ellipse around what was invented."
        )
    return Marked(f"'{layer.name}', slice {index}", index, inside)


def _places(
    layer: "Shapes", corners: NDArray[np.floating], header: "Header"
) -> NDArray[np.floating]:
    """Corners in voxels of the scan, whatever the scale of the layer they are drawn in."""
    size = np.asarray(header.voxel_size[-corners.shape[1] :])
    return np.array([layer.data_to_world(corner) for corner in corners]) / size


def _on(places: NDArray[np.floating], index: int) -> bool:
    """Whether a shape lies on the slice; one drawn in 2D lies on all."""
    return places.shape[1] == 2 or bool((np.round(places[:, 0]) == index).all())


def _ellipse(box: NDArray[np.floating]) -> NDArray[np.floating]:
    """The ellipse in a box of four corners, turned or not, as a polygon."""
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)[:, None]
    across, down = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return box.mean(0) + np.cos(angle) * across + np.sin(angle) * down


def active_drawing(layers: Sequence[object], active: object, own: Sequence[object]) -> "Shapes":
    """The layer of shapes to take: the selected one, else the last.

    Args:
        layers: Of the viewer.
        active: The selected one, if any.
        own: Outlines of tiles, which nobody drew.

    Raises:
        UnlearnError: if nobody drew anything.
    """
    from napari.layers import Shapes

    drawn = [
        layer
        for layer in layers
        if isinstance(layer, Shapes) and all(layer is not each for each in own)
    ]
    if not drawn:
        raise UnlearnError(
            "Nothing is drawn: add a shapes layer, draw around what was invented, and ask again."
        )
    return next((layer for layer in drawn if layer is active), drawn[-1])
