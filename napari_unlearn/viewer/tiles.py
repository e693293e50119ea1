"""The grid of a viewer: boards of pictures laid out as tiles."""

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import Comparison, Region
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE
from napari_unlearn.mri.scan import Header
from napari_unlearn.viewer import layout, marks, pictures
from napari_unlearn.viewer.aim import look_at, most_telling_slice
from napari_unlearn.viewer.live_overlay import LiveOverlay
from napari_unlearn.viewer.live_tile import LiveTile
from napari_unlearn.viewer.pictures import Board, Content, Picture, brightest
from napari_unlearn.viewer.rehearsal import rehearsing
from napari_unlearn.viewer.tile import Tile, fill_image, image_layer
from napari_unlearn.viewer.turns import Steps, Turns, collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

LINKED = ("contrast_limits", "gamma", "colormap")


class Tiles:
    """Shows boards of pictures; layers are made once per layout and then given new data."""

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._upper: list[Tile] = []
        self._lower: list[Tile] = []
        self._first: Image | None = None
        self._header: Header | None = None
        self._camera: tuple[tuple[float, ...], float] | None = None
        self._bare: Board | None = None
        self._contents: tuple[Content, ...] = ()
        self._live: LiveTile | None = None
        self._overlay: LiveOverlay | None = None
        self._shown: dict[Tile, Picture] = {}
        self._outlined = True
        self._turns = Turns(viewer)
        self._coming: Board | None = None
        self.clear_canvas: Callable[[], None] = lambda: None
        """Asks whoever else lays out a grid in this viewer to put it away."""
        viewer.canvas.events.size.connect(self._on_size)

    @property
    def upper(self) -> "Sequence[Tile]":
        """Reference and reconstructions; whoever asks while they are laid out waits for it."""
        self._turns.finish()
        return tuple(self._upper)

    @property
    def lower(self) -> "Sequence[Tile]":
        """Change and error maps; empty without a reference."""
        self._turns.finish()
        return tuple(self._lower)

    @property
    def busy(self) -> bool:
        """Whether anything is still to come to the screen."""
        return self._turns.pending

    def show_reference(
        self, header: Header, reference: NDArray[np.float32], name: str = "Ground truth"
    ) -> None:
        """Show the reference, (slices, rows, columns), alone and large: the first picture.

        Where tiles are laid out already, they stay and wait for what comes next. A reference
        that is shown already has been read a little further.
        """
        self._turns.then(lambda: self._show_reference(header, reference, name))

    def _show_reference(self, header: Header, reference: NDArray[np.float32], name: str) -> None:
        shown = self._upper[0].image if self._lower else self._first
        if shown is not None and shown.data is reference:
            shown.contrast_limits_range = shown.contrast_limits = (0.0, brightest(reference))
            shown.refresh(extent=False)
            return
        if self._lower:
            bare = self._bare
            arms = self._upper[bare.first_arm : len(bare.upper)] if bare else self._upper
            names = [tile.image.name.split(" · ")[0] for tile in arms]
            self._lay_out(pictures.waiting(header, reference, name, names), names)
            return
        self._bare = None
        picture = pictures.reference_alone(header, reference, name).upper[0]
        if self._first is None or self._first not in self._viewer.layers:
            self._turns.add(self._first_picture(picture, header))
            return
        fill_image(self._first, picture, header)
        self._see_whole(header)

    def _first_picture(self, picture: Picture, header: Header) -> Steps:
        self.clear_canvas()
        self._remove()
        self._viewer.canvas.grid.enabled = False
        self._first = image_layer(picture, header)
        self._first.name_overlay.visible = False
        yield from layout.inserting(self._viewer, [self._first])
        self._see_whole(header)
        yield from rehearsing(self._viewer)
        yield from rehearsing(self._viewer, self._first.name_overlay)  # the image is seen already

    def _see_whole(self, header: Header) -> None:
        self._header = header
        self._viewer.dims.set_current_step(0, header.slices // 2)
        self._fit()

    def prepare(
        self,
        header: Header,
        reference: NDArray[np.float32] | None,
        reference_name: str,
        names: "Sequence[str]",
        before: Comparison | None = None,
        mode: str = DEFAULT_MODE,
    ) -> None:
        """Lay out tiles for models that are about to run; `show_slice` fills them.

        The tile of a model that was learning becomes the one of its result. With a comparison
        from `before`, its pictures stand in until then; `mode` says which maps will come.
        """
        board = pictures.waiting(header, reference, reference_name, names, before, mode)
        self._coming = board
        self._turns.then(lambda: self._lay_out(board, names))

    def _lay_out(self, board: Board, names: "Sequence[str]") -> None:
        if self._live is not None and self._live.name in names:
            self._live = None
        self.show_board(board)

    def show_slice(self, arm: int, index: int, image: NDArray[np.float32]) -> None:
        """Put one finished slice in the tile of its arm, counted from 0."""
        board = self._coming
        if self._turns.pending and board is not None:
            board.upper[arm + board.first_arm].image[index] = image  # on its way to a tile
            return
        if not self._upper:
            return  # put away meanwhile; the finished comparison comes back
        layer = self._upper[arm + (self._bare.first_arm if self._bare else 0)].image
        layer.data[index] = image
        if int(self._viewer.dims.current_step[0]) == index:
            layer.refresh(extent=False)

    def show(self, comparison: Comparison) -> None:
        """Show images, error maps and outlines of a comparison."""
        self.show_board(pictures.finished(comparison))

    def refresh_maps(self, index: int) -> None:
        """Show what was written into one slice of the maps below the reconstructions."""
        if int(self._viewer.dims.current_step[0]) == index:
            for tile in self._lower:
                tile.image.refresh(extent=False, thumbnail=False)

    def mark(self, comparison: Comparison, board: Board | None = None) -> None:
        """Redraw outlines and their counts after the threshold moved.

        A worker may have made the `board` already, as `pictures.finished` does.
        """
        self._turns.add(self._marking(board or pictures.finished(comparison)), passing=True)

    def _marking(self, board: Board) -> Steps:
        if not self._upper:
            yield from self._showing(board)
            return
        self._bare, self._shown = board, {}
        for tile, picture in self._pairs(self._with_live(board)):
            tile.mark(picture)
            if tile.image.name != picture.caption:
                tile.image.name = picture.caption
            yield False

    @property
    def live(self) -> Tile | None:
        """The tile of a model that is learning, if it is on the screen."""
        self._turns.finish()
        return self._live_tile

    @property
    def _live_tile(self) -> Tile | None:
        shown = self._live is not None and self._live.header == self._header
        return self._upper[-1] if shown and self._upper else None

    def show_live(self, live: LiveTile | None) -> None:
        """Give a model that is learning a tile beside the others, or take it away."""
        self._turns.then(lambda: self._show_live(live))

    def _show_live(self, live: LiveTile | None) -> None:
        if live is not None and self._bare is not None and self._rename_live(live):
            return
        self._live = live
        if self._bare is not None:
            board = self._with_live(self._bare)
            if live is not None and self._fits(board) and live.header == self._header:
                self._turns.add(self._filling(board))  # captions are not fitted anew: be quick
            else:
                self.show_board(self._bare)
        elif live is not None and live.header == self._header:
            self.show_board(pictures.waiting(live.header, live.reference, "Ground truth", ()))

    def _rename_live(self, live: LiveTile) -> bool:
        """Give the live tile to another run, without a redraw of the canvas."""
        before = self._live
        if before is None or self._live_tile is None or live.header != self._header:
            return False
        live.take_over(before)
        self._live = live
        for layer, caption in self._live_layers():
            if self._over is not None:
                self._over.put_caption(layer, live.index, caption)
            else:
                layer.name = caption
        return True

    def refresh_live(self) -> None:
        """Show what the live tile holds by now."""
        if self._turns.pending or self._live is None or self._live_tile is None:
            return
        for layer, caption in self._live_layers():
            if self._over is not None:
                self._over.put(layer, self._live.index, caption)
            elif int(self._viewer.dims.current_step[0]) == self._live.index:
                layer.refresh(extent=False)

    @property
    def _over(self) -> LiveOverlay | None:
        self._overlay = self._overlay or LiveOverlay.over(self._viewer)
        return self._overlay

    def _live_layers(self) -> "list[tuple[Image, str]]":
        """Image and error map of the live tile, and what is written above them."""
        if self._live is None:
            return []
        pairs = [(self._upper[-1].image, self._live.caption)]
        if self._lower:
            pairs.append((self._lower[-1].image, self._live.error_caption))
        return pairs

    def show_instead(self, past: LiveTile) -> None:
        """Put what a model once made of a slice into the tile of what it makes now."""
        self._turns.then(lambda: self._show_instead(past))

    def _show_instead(self, past: LiveTile) -> None:
        self._shown = {}
        for place, tile in enumerate(self._upper):
            if tile.image.name.split(" · ")[0] == past.name:
                tile.image.data, tile.image.name = past.images, past.caption
                if self._lower and past.reference is not None:
                    self._lower[place].image.data = past.errors
                    self._lower[place].image.name = pictures.map_caption(past.name, DEFAULT_MODE)
        self._viewer.dims.set_current_step(0, past.index)

    def show_board(self, board: Board) -> None:
        """Show any board, reusing the layers of the last if it has as many tiles.

        In a window on the screen that takes turns of the event loop: `busy` until it is there.
        """
        self._turns.add(self._showing(board))

    def _showing(self, board: Board) -> Steps:
        self._bare, board = board, self._with_live(board)
        if self._overlay is not None:
            self._overlay.clear()
        if not self._fits(board):
            yield from self._building(board)
        elif self._header != board.header:
            self._header = board.header
            for tile in (*self._upper, *self._lower):
                marks.draw(tile.outlines, (), None)
            self._shown = {}
            yield from self._filling(board)
            self._see_whole(board.header)
            return
        yield from self._filling(board)
        self._follow_size()
        self._turns.add(collecting(self._viewer), last=True)

    def put_away(self) -> None:
        """Leave the canvas to other tiles; the next board comes back."""
        self._turns.finish()
        if self._overlay is not None:
            self._overlay.clear()
        self._remove()
        self._shown = {}

    def focus(self, region: Region) -> None:
        """Jump to a region's slice and zoom in on it, in all tiles at once."""
        self._turns.then(lambda: self._focus(region))

    def _focus(self, region: Region) -> None:
        if self._header is not None:
            whole = self._camera[1] if self._camera is not None else 0.0
            look_at(self._viewer, self._header, region, whole)

    def go_to_most_telling_slice(self, comparison: Comparison) -> None:
        """Show the slice where most area was removed, else where most is wrong."""
        if (telling := most_telling_slice(comparison)) is not None:
            self._turns.then(lambda: self._viewer.dims.set_current_step(0, telling))

    def fit(self) -> None:
        """Show whole images again, under captions that fit their tiles."""
        self._turns.then(self._fit)

    def _fit(self) -> None:
        if self._header is None:
            return
        _, row, column = self._header.voxel_size
        layout.fit(self._viewer, self._header.image_rows * row, self._header.image_columns * column)
        tiles = (*self._upper, *self._lower)
        width = self._viewer.canvas.viewbox_size(self._viewer.layers)[1]
        caption = layout.font_size([tile.image.name for tile in tiles], width, layout.CAPTION)
        verdict = layout.font_size([tile.outlines.name for tile in self._upper], width, 9)
        for tile in tiles:
            tile.image.name_overlay.font_size = caption
            tile.outlines.name_overlay.font_size = verdict
        camera = self._viewer.scene.camera
        self._camera = (tuple(camera.center), camera.zoom)

    def set_outlines_visible(self, visible: bool) -> None:
        """Show or hide all outlines, those of tiles to come as well."""
        self._outlined = visible
        self._turns.then(self._follow_visibility)

    def _follow_visibility(self) -> None:
        for tile in (*self._upper, *self._lower):
            tile.outlines.visible = self._outlined

    def _on_size(self) -> None:
        self._turns.then(self._follow_size)

    def _follow_size(self) -> None:
        camera = self._viewer.scene.camera
        if self._camera == (tuple(camera.center), camera.zoom):
            self._fit()  # nobody has zoomed since, so follow the window

    def _with_live(self, board: Board) -> Board:
        return board if self._live is None else self._live.join(board)

    def _filling(self, board: Board) -> Steps:
        """Give every tile its picture; one that shows it already is left alone."""
        for tile, picture in self._pairs(board):
            if self._shown.get(tile) is not picture:
                tile.fill(picture, board.header)
                self._shown[tile] = picture
                yield False

    def _pairs(self, board: Board) -> list[tuple[Tile, Picture]]:
        return list(zip((*self._upper, *self._lower), board.pictures, strict=True))

    def _fits(self, board: Board) -> bool:
        tiles = (*self._upper, *self._lower)
        return (
            bool(tiles)
            and all(layer in self._viewer.layers for tile in tiles for layer in tile.layers)
            and len(self._upper) == len(board.upper)
            and self._contents == board.contents
        )

    def _building(self, board: Board) -> Steps:
        """Replace all tiles."""
        viewer, shown = self._viewer, {}
        for picture in board.pictures:
            tile = Tile.of(picture, board.header)
            tile.fill(picture, board.header)
            tile.outlines.visible = self._outlined
            shown[tile] = picture
            yield False
        tiles = list(shown)
        upper, lower = tiles[: len(board.upper)], tiles[len(board.upper) :]
        same_scan = self._header == board.header
        step = int(viewer.dims.current_step[0])  # napari forgets it with the last layer
        self.clear_canvas()
        shape, layers = (2 if lower else 1, len(upper)), self._layers()
        self._upper, self._lower, self._first = upper, lower, None
        yield from layout.laying_out(viewer, layers, [tile.layers for tile in tiles], shape)
        viewer.layers.selection.active = upper[0].image
        greys = [tile for tile in upper if shown[tile].is_grey]
        maps = [tile for tile in lower if shown[tile].content == "error"]
        for linked in (greys, maps):
            if len(linked) > 1:
                viewer.layers.link_layers([tile.image for tile in linked], LINKED)
        self._header, self._shown, self._contents = board.header, shown, board.contents
        viewer.dims.set_current_step(0, step if same_scan else board.header.slices // 2)
        self._fit()
        self._turns.add(layout.uncovering(viewer), last=True)  # once all is there

    def _remove(self) -> None:
        layout.remove(self._viewer, self._layers())
        self._upper, self._lower, self._first = [], [], None

    def _layers(self) -> "list[Layer]":
        tiles = [layer for tile in (*self._upper, *self._lower) for layer in tile.layers]
        return tiles if self._first is None else [*tiles, self._first]
