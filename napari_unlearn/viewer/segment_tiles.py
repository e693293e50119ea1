"""The grid of the Segment dock: every tile is an image, its labels, and where they disagree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.segment_colours import (
    OUTERMOST,
    STRUCTURE_COLOURS,
    disagreement_colormap,
    structure_colormap,
)
from napari_unlearn.viewer.segment_layers import geometry_of
from napari_unlearn.viewer.segment_pictures import LabelBoard, LabelPicture, grey_limits
from napari_unlearn.viewer.turns import Steps, Turns, collecting

if TYPE_CHECKING:
    from napari.components import ViewerModel

LINKED = ("contrast_limits", "gamma", "colormap")

FOOTER = 8.0
"""Room below every tile [canvas pixels]."""

_BRAIN = 1.25
"""In 3D a head may be larger than its tile: the brain, all that is shown of it, is smaller."""

TOWARDS_BRAIN = ((-0.35, 0.85, 0.5), (1.0, 0.0, 0.0))
"""Direction of view and upward direction in 3D, along (slice, row, column): from in front, above
and one side, head up."""


@dataclass(frozen=True)
class Look:
    """How all tiles are shown."""

    contrast: int = 0
    """Which channel of the subject is behind the labels."""
    labels: bool = True
    disagreement: bool = False
    opacity: float = 0.55
    contour: int = 0
    """Width of outlines in 2D [pixels]; 0 fills."""
    only: int | None = None
    """The one structure to show; None shows all."""


@dataclass(frozen=True, eq=False)
class LabelTile:
    """The three layers of one cell."""

    image: Image
    labels: Labels
    disagreement: Labels

    @property
    def layers(self) -> tuple[Image | Labels, ...]:
        """From back to front."""
        return self.image, self.labels, self.disagreement


class SegmentTiles:
    """Shows boards of labels; layers are made once per layout and then given new data."""

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._tiles: list[LabelTile] = []
        self._board: LabelBoard | None = None
        self._shown: dict[LabelTile, LabelPicture] = {}
        self._camera: tuple[tuple[float, ...], float] | None = None
        self._slice: int | None = None
        self._turns = Turns(viewer)
        self.clear_canvas: Callable[[], None] = lambda: None
        """Asks whoever else lays out a grid in this viewer to put it away."""
        self.look = Look()
        viewer.canvas.events.size.connect(self._on_size)
        # Before napari slices anew and moves the camera, and after it has.
        viewer.dims.events.ndisplay.connect(self._before_ndisplay, position="first")
        viewer.dims.events.ndisplay.connect(self._on_ndisplay, position="last")

    @property
    def tiles(self) -> Sequence[LabelTile]:
        """In the order of the board; whoever asks while they are laid out waits for it."""
        self._turns.finish()
        return tuple(self._tiles)

    @property
    def on_canvas(self) -> bool:
        """Whether they are to be seen: nobody took the canvas, or the window away."""
        self._turns.finish()
        layers = self._layers()
        return bool(layers) and all(layer in self._viewer.layers for layer in layers)

    @property
    def busy(self) -> bool:
        """Whether anything is still to come to the screen."""
        return self._turns.pending

    @property
    def in_3d(self) -> bool:
        """Whether volumes are shown rather than slices."""
        return self._viewer.dims.ndisplay == 3

    def tile(self, name: str) -> LabelTile | None:
        """The tile of a model."""
        self._turns.finish()
        return next((tile for tile, shown in self._shown.items() if shown.name == name), None)

    def show(self, board: LabelBoard) -> None:
        """Show a board, reusing the layers of the last if it has as many tiles.

        In a window on the screen that takes turns of the event loop: `busy` until it is there.
        """
        self._turns.add(self._showing(board))

    def _showing(self, board: LabelBoard) -> Steps:
        before, self._board = self._board, board
        if not self._fits(board):
            fresh = before is None or before.subject is not board.subject
            yield from self._building(board, fresh=fresh)
        elif before is not None and before.subject is not board.subject:
            self._change_subject(board.subject)
        for tile, picture in zip(self._tiles, board.pictures, strict=True):
            self._fill(tile, picture)
            yield False
        self._shown = dict(zip(self._tiles, board.pictures, strict=True))
        self._dress_all()
        self._on_size()

    def apply(self, look: Look) -> None:
        """Show all tiles in another way."""
        before, self.look = self.look, look
        self._turns.then(lambda: self._apply(before))

    def _apply(self, before: Look) -> None:
        look = self.look
        self._dress_all()
        for tile, picture in self._shown.items():
            if before.contrast != look.contrast:
                self._put_contrast(tile)
            if before.only != look.only:
                tile.disagreement.data = picture.disagreement(look.only)
        if before.only != look.only and self.in_3d:
            self._fit()

    def put(self, name: str, picture: LabelPicture) -> None:
        """Show something else in the tile of a model, for the time being."""
        self._turns.then(lambda: self._put(name, picture))

    def _put(self, name: str, picture: LabelPicture) -> None:
        tile = self.tile(name)
        if tile is not None:
            self._fill(tile, picture)
            self._shown[tile] = picture

    def go_to(self, index: int) -> None:
        """Show a slice in all tiles."""
        self._turns.then(lambda: self._go_to(index))

    def _go_to(self, index: int) -> None:
        if self._board is not None:
            self._viewer.dims.set_point(0, index * self._board.subject.voxel_size[0])

    def set_3d(self, wanted: bool) -> None:
        """Show volumes or slices."""
        self._turns.finish()
        for tile in self._tiles if wanted else ():
            tile.labels.contour = tile.disagreement.contour = 0  # or napari warns of each
        self._viewer.dims.ndisplay = 3 if wanted else 2

    def put_away(self) -> None:
        """Leave the canvas, in 2D, to other tiles; `show` comes back."""
        self._turns.finish()
        if self._tiles:
            self._viewer.dims.ndisplay = 2
            layout.remove(self._viewer, self._layers())
            self._tiles, self._shown, self._camera = [], {}, None
            self._viewer.canvas.grid.enabled = False

    def _layers(self) -> list[Image | Labels]:
        return [layer for tile in self._tiles for layer in tile.layers]

    def fit(self) -> None:
        """Show whole images again, under captions that fit their tiles."""
        self._turns.then(self._fit)

    def _fit(self) -> None:
        if self._board is None or not self._tiles:
            return
        sizes = np.multiply(self._board.subject.shape, self._board.subject.voxel_size)
        viewer, camera = self._viewer, self._viewer.scene.camera
        viewer.canvas.grid.shape = layout.grid_shape(
            viewer.canvas.size, len(self._tiles), float(sizes[1]), float(sizes[2])
        )
        height, width = viewer.canvas.viewbox_size(viewer.layers)
        if self.in_3d:
            centre, extent = self._in_sight(sizes)
            camera.center = centre
            camera.zoom = min(width, height - layout.HEADER) / extent
        else:
            layout.fit(viewer, float(sizes[1]), float(sizes[2]), footer=FOOTER)
        layers = self._layers()
        size = layout.font_size([layer.name for layer in layers], width, layout.CAPTION)
        for layer in layers:
            layer.name_overlay.font_size = size
        self._camera = (tuple(camera.center), camera.zoom)

    def _fits(self, board: LabelBoard) -> bool:
        return self.on_canvas and len(self._tiles) == len(board.pictures)

    def _building(self, board: LabelBoard, *, fresh: bool) -> Steps:
        """Replace all tiles."""
        viewer, index, shown = self._viewer, self._index(), {}
        for picture in board.pictures:
            tile = self._make(board, picture)
            self._dress(tile, picture)  # nothing follows a layer that no viewer has yet
            shown[tile] = picture
            yield False
        self.clear_canvas()
        before, tiles = self._layers(), list(shown)
        self._tiles, self._shown = [], {}
        yield from layout.laying_out(viewer, before, [tile.layers for tile in tiles])
        viewer.layers.selection.active = tiles[0].image
        if len(tiles) > 1:
            viewer.layers.link_layers([tile.image for tile in tiles], LINKED)
        self._tiles, self._shown = tiles, shown
        yield False
        self._go_to(board.subject.shape[0] // 2 if fresh or index is None else index)
        self._fit()
        self._turns.add(layout.uncovering(viewer), last=True)
        self._turns.add(collecting(viewer), last=True)

    def _make(self, board: LabelBoard, picture: LabelPicture) -> LabelTile:
        subject = board.subject
        geometry = geometry_of(subject, "labels")
        place = self._contrast(subject)
        behind = subject.images[place]
        labels, apart = (
            Labels(values, name=f"{picture.name} {kind}", colormap=colours, **geometry)
            for values, kind, colours in (
                (picture.labels, "labels", self._colours(board)),
                (picture.disagreement(self.look.only), "disagreement", disagreement_colormap()),
            )
        )
        image = Image(
            behind,
            name=picture.caption,
            colormap="gray",
            contrast_limits=grey_limits(behind),
            interpolation2d="linear",
            **geometry_of(subject, subject.channels[place]),
        )
        labels.editable = apart.editable = False
        return LabelTile(image, labels, apart)

    def _fill(self, tile: LabelTile, picture: LabelPicture) -> None:
        before = self._shown.get(tile)
        if before is picture:
            return
        if tile.labels.data is not picture.labels:
            tile.labels.data = picture.labels
        tile.disagreement.data = picture.disagreement(self.look.only)
        for layer, name in zip(
            tile.layers,
            (picture.caption, f"{picture.name} labels", f"{picture.name} disagreement"),
            strict=True,
        ):
            if layer.name != name:
                layer.name = name

    def _dress_all(self) -> None:
        for tile, picture in self._shown.items():
            self._dress(tile, picture)

    def _dress(self, tile: LabelTile, picture: LabelPicture) -> None:
        look, volume = self.look, self.in_3d
        differs = look.disagreement and picture.against is not None
        _show(tile.image, not volume)
        _show(tile.labels, not differs if volume else look.labels)
        _show(tile.disagreement, differs)
        opacity = 1.0 if volume else look.opacity
        for layer, wanted in ((tile.labels, opacity), (tile.disagreement, max(opacity, 0.8))):
            if layer.opacity != wanted:
                layer.opacity = wanted
            contour = 0 if volume else look.contour  # napari has none in 3D and warns
            if layer.contour != contour:
                layer.contour = contour
        colours = self._colours(self._board)
        if tile.labels.colormap.color_dict.keys() != colours.color_dict.keys():
            tile.labels.colormap = colours
        front = next((layer for layer in tile.layers if layer.visible), tile.image)
        for layer in tile.layers:
            layer.name_overlay.visible = layer is front

    def _colours(self, board: LabelBoard | None) -> DirectLabelColormap:
        """Of all structures that are known or occur; a model that learns may find any."""
        structures = {*STRUCTURE_COLOURS, *(() if board is None else board.structures)}
        hidden = (OUTERMOST,) if self.in_3d else ()
        return structure_colormap(sorted(structures), self.look.only, hidden)

    def _put_contrast(self, tile: LabelTile) -> None:
        if self._board is None:
            return
        subject = self._board.subject
        place = self._contrast(subject)
        behind = subject.images[place]
        limits = grey_limits(behind)
        tile.image.data = behind
        tile.image.contrast_limits_range = limits
        tile.image.contrast_limits = limits
        tile.image.metadata = geometry_of(subject, subject.channels[place])["metadata"]

    def _contrast(self, subject: Subject3D) -> int:
        """The channel behind the labels; another subject may have fewer."""
        return min(self.look.contrast, len(subject.images) - 1)

    def _change_subject(self, subject: Subject3D) -> None:
        for tile in self._tiles:
            for layer in tile.layers:
                layer.scale = subject.voxel_size
            # All three change their grid together: labels of the last subject would stand out.
            tile.labels.data = tile.disagreement.data = np.zeros(subject.shape, np.uint8)
            self._put_contrast(tile)
        self._shown = {}
        self._go_to(subject.shape[0] // 2)
        self._fit()

    def _index(self) -> int | None:
        """The slice in view of the tiles that are there; None without any."""
        if not self._tiles or self._board is None:
            return None
        return round(self._viewer.dims.point[0] / self._board.subject.voxel_size[0])

    def _before_ndisplay(self) -> None:
        if self._shown and self.in_3d:
            self._slice = self._index()
            for tile in self._tiles:
                tile.labels.contour = tile.disagreement.contour = 0

    def _on_ndisplay(self) -> None:
        if not self._shown:
            return
        self._dress_all()
        if self.in_3d:
            self._viewer.scene.camera.set_view_direction(*TOWARDS_BRAIN)
        elif self._slice is not None:
            self._go_to(self._slice)
        self._fit()

    def _in_sight(self, sizes: NDArray[np.float64]) -> tuple[tuple[float, ...], float]:
        """Centre and extent [mm] of what is shown in 3D: the head, or one structure of it."""
        only, board = self.look.only, self._board
        if only is None or board is None:
            return tuple(sizes / 2), float(sizes.max()) / _BRAIN
        found = [_box(picture.labels == only) for picture in self._shown.values()]
        boxes = np.array([box for box in found if box is not None])
        if not len(boxes):
            return tuple(sizes / 2), float(sizes.max()) / _BRAIN
        ends = np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)]) - 0.5
        ends = ends * board.subject.voxel_size
        extent = float(np.linalg.norm(ends[1] - ends[0]))
        return tuple(ends.mean(axis=0)), max(extent, float(sizes.max()) / 4)

    def _on_size(self) -> None:
        camera = self._viewer.scene.camera
        if self._camera == (tuple(camera.center), camera.zoom):
            self._fit()  # nobody has zoomed since, so follow the window


def _show(layer: Image | Labels, wanted: bool) -> None:
    """Show or hide a layer; told twice, napari lays out the whole canvas twice."""
    if layer.visible != wanted:
        layer.visible = wanted


def _box(inside: NDArray[np.bool_]) -> NDArray[np.intp] | None:
    """First voxel and the one behind the last along each axis, (2, axes); None if there is none."""
    ends = []
    for axis in range(inside.ndim):
        others = tuple(each for each in range(inside.ndim) if each != axis)
        along = np.flatnonzero(inside.any(axis=others))
        if not len(along):
            return None
        ends.append((along[0], along[-1] + 1))
    return np.array(ends).T
