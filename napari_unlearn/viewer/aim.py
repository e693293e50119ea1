"""Where to look first, and how to look at a region."""

from collections import defaultdict
from typing import TYPE_CHECKING

from napari_unlearn.evaluation.comparison import Comparison, Region
from napari_unlearn.mri.scan import Header

if TYPE_CHECKING:
    from napari.components import ViewerModel


def most_telling_slice(comparison: Comparison) -> int | None:
    """The slice where most area was removed, else where most is wrong; None if nothing is."""
    regions = [region for arm in comparison.arms for region in arm.regions]
    removed = [region for region in regions if region.kind == "removed"]
    area: dict[int, float] = defaultdict(float)
    for region in removed or regions:
        area[region.slice] += region.area
    return max(area, key=area.__getitem__) if area else None


def look_at(viewer: "ViewerModel", header: Header, region: Region, whole: float) -> None:
    """Jump to a region's slice and zoom in on it, in all tiles at once.

    Args:
        viewer: Its camera is moved; tiles share it.
        header: Of the scan.
        region: Where.
        whole: Zoom at which the whole image is seen.
    """
    _, row, column = header.voxel_size
    first_row, first_column, last_row, last_column = region.box
    size = max((last_row - first_row) * row, (last_column - first_column) * column)
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    viewer.dims.set_current_step(0, region.slice)
    camera = viewer.scene.camera
    camera.center = (0.0, region.centre[0] * row, region.centre[1] * column)
    wanted = min(width, height) / max(2.5 * size, 16 * max(row, column))
    camera.zoom = max(wanted, 1.4 * whole)
