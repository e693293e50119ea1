"""The grid of a blinded case: an image and its marks per letter; nothing else has a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes
from napari.layers.base import ActionType

from napari_unlearn.reading.images import LoadedCase
from napari_unlearn.reading.region import Region
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.reading_marks import (
    COLOUR,
    draw_regions,
    frame,
    marks_layer,
    regions_of,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel

LAYERS_PER_TILE = 2
LINKED = ("contrast_limits", "gamma", "colormap")
FOOTER = 8.0
"""Room below every tile [canvas pixels]."""

_CAPTION = 16.0  # points: the letter is all that is written
_FRAME = 0.06  # half a side of a new frame, share of the image's height
_DONE = {ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED}


@dataclass(frozen=True, eq=False)
class ReadingTile:
    """The two layers of one cell."""

    image: Image
    marks: Shapes


class ReadingTiles:
    """Shows one case at a time; layers are made once per layout and then given new data."""

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._tiles: dict[str, ReadingTile] = {}
        self._case: LoadedCase | None = None
        self._asked = ""
        self._camera: tuple[tuple[float, ...], float] | None = None
        self._drawing = False
        self._frame: tuple[tuple[float, float], float] | None = None
        self.clear_canvas: Callable[[], None] = lambda: None
        """Asks whoever else lays out a grid in this viewer to put it away."""
        self.marked: Callable[[str, tuple[Region, ...]], None] = lambda label, regions: None
        """Called with a letter and all its regions when somebody has drawn."""
        viewer.canvas.events.size.connect(self._on_size)

    @property
    def tiles(self) -> Mapping[str, ReadingTile]:
        """By letter."""
        return dict(self._tiles)

    @property
    def case(self) -> str | None:
        """The case on the canvas; None if there is none."""
        layers = [layer for tile in self._tiles.values() for layer in (tile.image, tile.marks)]
        seen = bool(layers) and all(layer in self._viewer.layers for layer in layers)
        return self._case.case if seen and self._case is not None else None

    @property
    def marking(self) -> bool:
        """Whether the asked image's marks are being drawn."""
        tile = self._tiles.get(self._asked)
        return tile is not None and (str(tile.marks.mode) != "pan_zoom" or self._frame is not None)

    def show(self, case: LoadedCase) -> None:
        """Show a case from its middle slice, without marks; `ask` comes next."""
        before, self._case = self.case, case
        self._frame = None
        if before is None or tuple(self._tiles) != case.labels:
            self._build(case)
        else:
            self._refill(case)
        self._viewer.dims.ndisplay = 2
        self.go_to(len(case.images[0]) // 2)
        self.fit()

    def ask(
        self, label: str, scores: Mapping[str, int | None], marks: Mapping[str, tuple[Region, ...]]
    ) -> None:
        """Point at the image that is asked about, with what was said and marked by letter."""
        if self._case is None or label not in self._tiles:
            return
        self.stop_marking()
        self._asked = label
        for letter, tile in self._tiles.items():
            here = letter == label
            answer = "" if scores.get(letter) is None else f" · {scores[letter]}"
            tile.image.name = f"▶ {letter}{answer}" if here else f"{letter}{answer}"
            tile.image.name_overlay.color = COLOUR if here else "white"
            tile.image.bounding_box.visible = here
            self._draw(letter, marks.get(letter, ()))
        self._viewer.layers.selection.active = self._tiles[label].image

    def step_slice(self, slices: int) -> None:
        """Go so many slices on or back, in all images at once."""
        self.go_to(self.index + slices)

    def go_to(self, index: int) -> None:
        """Show a slice."""
        if self._case is not None:
            last = len(self._case.images[0]) - 1
            place = min(max(index, 0), last) * self._case.voxel_size[0]
            self._viewer.dims.set_point(0, place)

    @property
    def index(self) -> int:
        """The slice in view, from 0."""
        if self._case is None:
            return 0
        return round(self._viewer.dims.point[0] / self._case.voxel_size[0])

    def shift_grey(self, level: float = 0.0, width: float = 1.0) -> None:
        """Move the grey scale of all images by a share of its width, or widen it."""
        tile = next(iter(self._tiles.values()), None)
        if tile is not None:
            low, high = tile.image.contrast_limits
            centre, half = (low + high) / 2 + level * (high - low), (high - low) / 2 * width
            tile.image.contrast_limits = (centre - half, centre + half)

    def reset_view(self) -> None:
        """Grey scale and zoom as at first."""
        tile = next(iter(self._tiles.values()), None)
        if tile is not None and self._case is not None:
            tile.image.contrast_limits = self._case.limits
            self.fit()

    def start_marking(self, *, polygon: bool = False) -> None:
        """Let the mouse, or `move_frame`, mark a region of the asked image."""
        tile = self._tiles.get(self._asked)
        if tile is not None:
            self._viewer.layers.selection.active = tile.marks
            tile.marks.mode = "add_polygon" if polygon else "add_rectangle"

    def stop_marking(self) -> None:
        """Leave what is marked as it is; a frame that was not put down is gone."""
        tile = self._tiles.get(self._asked)
        if tile is None or not self.marking:
            return
        tile.marks.mode = "pan_zoom"  # finishes a polygon, which tells `marked`
        if self._frame is not None:
            self._frame = None
            self._draw(self._asked, regions_of(tile.marks, self._voxels)[:-1])
        self._viewer.layers.selection.active = tile.image

    def move_frame(self, rows: float = 0, columns: float = 0, larger: float = 1.0) -> None:
        """Move or resize the square that the keyboard marks with; the first call shows it."""
        tile = self._tiles.get(self._asked)
        if tile is None or self._case is None:
            return
        height, width = self._case.images[0].shape[1:]
        kept = regions_of(tile.marks, self._voxels)
        if self._frame is None:
            centre, half = ((height - 1) / 2, (width - 1) / 2), _FRAME * height * self._voxels[1]
        else:
            (row, column), half = self._frame
            centre = (
                min(max(row + rows, 0.0), height - 1.0),
                min(max(column + columns, 0.0), width - 1.0),
            )
            half = min(max(half * larger, 0.5 * self._voxels[1]), height * self._voxels[1])
            kept = kept[:-1]
        self._frame = (centre, half)
        self._draw(self._asked, (*kept, frame(self.index, centre, half, self._voxels)))

    def put_frame(self) -> None:
        """Keep the square where it is as a region."""
        tile = self._tiles.get(self._asked)
        if self._frame is not None and tile is not None:
            self._frame = None
            self.marked(self._asked, regions_of(tile.marks, self._voxels))

    def veil(self, veiled: bool) -> None:
        """Hide the images during a break."""
        for tile in self._tiles.values():
            tile.image.opacity = tile.marks.opacity = 0.0 if veiled else 1.0

    def put_away(self) -> None:
        """Leave the canvas to other tiles."""
        if self._tiles:
            self._remove()
            self._viewer.canvas.grid.enabled = False

    def fit(self) -> None:
        """Show whole images again."""
        if self._case is None or not self._tiles:
            return
        _, row, column = self._voxels
        height, width = self._case.images[0].shape[1:]
        grid = self._viewer.canvas.grid
        shape = layout.grid_shape(
            self._viewer.canvas.size, len(self._tiles), height * row, width * column
        )
        if tuple(grid.shape) != shape:
            grid.shape = shape
        layout.fit(self._viewer, height * row, width * column, footer=FOOTER)
        camera = self._viewer.scene.camera
        self._camera = (tuple(camera.center), camera.zoom)

    @property
    def _voxels(self) -> tuple[float, float, float]:
        return (1.0, 1.0, 1.0) if self._case is None else self._case.voxel_size

    def _build(self, case: LoadedCase) -> None:
        """Replace all tiles; the grid comes last, since each insertion would rebuild it."""
        viewer, grid = self._viewer, self._viewer.canvas.grid
        tiles = {
            label: ReadingTile(_image(label, image, case), marks_layer(label, _geometry(case)))
            for label, image in zip(case.labels, case.images, strict=True)
        }
        self.clear_canvas()
        with viewer.layers.batched_update():
            self._remove()
            for stranger in viewer.layers:
                stranger.visible = False  # it would take a cell of the grid
            layers = [layer for tile in tiles.values() for layer in (tile.image, tile.marks)]
            for place, layer in enumerate(layers):
                viewer.layers.insert(place, layer)
            grid.stride = LAYERS_PER_TILE
            grid.enabled = True
        if len(tiles) > 1:
            viewer.layers.link_layers([tile.image for tile in tiles.values()], LINKED)
        for label, tile in tiles.items():
            tile.marks.events.data.connect(self._listener(label))
        self._tiles = tiles

    def _refill(self, case: LoadedCase) -> None:
        for (label, tile), image in zip(self._tiles.items(), case.images, strict=True):
            self._draw(label, ())
            tile.image.scale = tile.marks.scale = case.voxel_size
            tile.image.data = image
            tile.image.contrast_limits_range = case.limits
            tile.image.contrast_limits = case.limits

    def _listener(self, label: str) -> Callable[[Any], None]:
        def on_data(event: Any) -> None:
            tile = self._tiles.get(label)
            if self._drawing or tile is None or event.action not in _DONE:
                return
            self._frame = None
            self.marked(label, regions_of(tile.marks, self._voxels))

        return on_data

    def _draw(self, label: str, regions: tuple[Region, ...]) -> None:
        self._drawing = True
        try:
            draw_regions(self._tiles[label].marks, regions)
        finally:
            self._drawing = False

    def _remove(self) -> None:
        for tile in self._tiles.values():
            for layer in (tile.image, tile.marks):
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        self._tiles, self._camera, self._asked, self._frame = {}, None, "", None

    def _on_size(self) -> None:
        camera = self._viewer.scene.camera
        if self._camera == (tuple(camera.center), camera.zoom):
            self.fit()  # nobody has zoomed since, so follow the window


def _image(label: str, image: np.ndarray, case: LoadedCase) -> Image:
    layer = Image(
        image,
        name=label,
        colormap="gray",
        contrast_limits=case.limits,
        interpolation2d="linear",
        **_geometry(case),
    )
    caption, box = layer.name_overlay, layer.bounding_box
    caption.visible, caption.font_size = True, _CAPTION
    box.points, box.line_color, box.line_thickness = False, COLOUR, 2.0
    return layer


def _geometry(case: LoadedCase) -> dict[str, Any]:
    return {
        "scale": case.voxel_size,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("slice", "row", "column"),
    }
