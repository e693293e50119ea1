"""One tile: an image layer and the outlines on it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from napari.layers import Image, Shapes
from napari.utils.colormaps import Colormap

from napari_unlearn.mri.scan import Header
from napari_unlearn.viewer import layout, marks
from napari_unlearn.viewer.pictures import Content, Picture

COLORMAPS: dict[Content, str | Colormap] = {
    "reconstruction": "gray",
    "error": "inferno",
    "change": Colormap(
        [[0.34, 0.71, 0.91], [0.1, 0.3, 0.45], [0, 0, 0], [0.45, 0.25, 0], [1.0, 0.69, 0.0]],
        name="darker to brighter",
    ),
}


@dataclass(frozen=True, eq=False)
class Tile:
    """The two layers of one cell."""

    image: Image
    outlines: Shapes

    @property
    def layers(self) -> tuple[Image, Shapes]:
        """From back to front."""
        return self.image, self.outlines

    @classmethod
    def of(cls, picture: Picture, header: Header) -> Self:
        """Make the layers of a picture; `fill` gives them their content."""
        return cls(image_layer(picture, header), outline_layer(header))

    def fill(self, picture: Picture, header: Header) -> None:
        """Show another picture of the same content."""
        if tuple(self.outlines.scale) != tuple(header.voxel_size):
            self.outlines.scale = header.voxel_size
        fill_image(self.image, picture, header)
        self.mark(picture)

    def mark(self, picture: Picture) -> None:
        """Redraw the outlines only."""
        wanted = (picture.regions, picture.neutral, picture.named)
        if self.outlines.metadata.get("drawn") != wanted:  # redrawing is the slow part
            marks.put(self.outlines, picture.marks, picture.highlights)
            self.outlines.metadata["drawn"] = wanted
        overlay = self.outlines.name_overlay
        overlay.visible = bool(picture.verdict)
        overlay.color = picture.verdict_colour
        self.outlines.name = picture.verdict or f"{picture.caption} outlines"


def fill_image(layer: Image, picture: Picture, header: Header) -> None:
    """Show another picture in a layer that has shown one of its kind; what is equal stays."""
    if tuple(layer.scale) != tuple(header.voxel_size):
        layer.scale = header.voxel_size
    if layer.data is not picture.image:
        layer.data = picture.image
    if layer.name != picture.caption:
        layer.name = picture.caption
    if tuple(layer.contrast_limits) != tuple(picture.limits):  # redraws colour bars too
        layer.contrast_limits_range = picture.limits
        layer.contrast_limits = picture.limits
    layer.metadata = dict(picture.metadata)


def image_layer(picture: Picture, header: Header) -> Image:
    """Make the image of a tile with its caption and, on maps, its colour bar."""
    layer = Image(
        picture.image,
        name=picture.caption,
        contrast_limits=picture.limits,
        colormap=COLORMAPS[picture.content],
        interpolation2d="linear",
        metadata=dict(picture.metadata),
        **_geometry(header),
    )
    caption = layer.name_overlay
    caption.visible, caption.font_size = True, layout.CAPTION
    if picture.content != "reconstruction":
        bar = layer.colorbar
        bar.visible, bar.position = True, "bottom_right"
        bar.size, bar.font_size, bar.tick_length = layout.BAR, 7, 3
    return layer


def outline_layer(header: Header) -> Shapes:
    """Make the outlines of a tile, empty, with the line below the image."""
    layer = Shapes(
        ndim=3,
        opacity=1.0,
        text={
            "string": "{sign}",
            "color": {"feature": "colour"},
            "size": 11,
            "anchor": "upper_right",
        },
        features={"sign": np.array([], dtype=object), "colour": np.array([], dtype=object)},
        feature_defaults={"sign": " ", "colour": marks.NEUTRAL},
        **_geometry(header),
    )
    layer.name_overlay.position = "bottom_left"
    return layer


def _geometry(header: Header) -> dict[str, Any]:
    return {
        "scale": header.voxel_size,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("slice", "row", "column"),
    }
