"""Two pictures in one large tile in place of the grid: flicker, wipe, difference."""

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.viewer.flicker import Flicker
from napari_unlearn.viewer.pair import Mode, Pair, first_choice
from napari_unlearn.viewer.pictures import Picture
from napari_unlearn.viewer.tile import COLORMAPS, image_layer
from napari_unlearn.viewer.wipe import Wipe

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_unlearn.viewer.tiles import Tiles


class PairView(QObject):
    """Has one layer of its own while it is shown; the tiles wait, hidden, and come back.

    Whoever lays out a grid, or takes the tiles away, ends it.
    """

    changed = Signal()
    """Mode or pictures are others than before."""

    def __init__(self, viewer: "Viewer", tiles: "Tiles") -> None:
        super().__init__()
        self._viewer, self._tiles = viewer, tiles
        self._comparison: Comparison | None = None
        self._layer: Image | None = None
        self._hidden: list[Layer] = []
        self._limits = (0.0, 1.0)
        self.mode: Mode | None = None
        """What is shown; None while the tiles are."""
        self.pair: Pair | None = None
        self.flicker = Flicker(self)
        self.wipe = Wipe(self)
        self.flicker.turned.connect(self._draw)
        self.wipe.moved.connect(self._draw)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._look_around)
        viewer.dims.events.current_step.connect(self._draw)
        viewer.canvas.grid.events.enabled.connect(self._on_canvas)
        viewer.layers.events.removed.connect(self._on_canvas)

    @property
    def layer(self) -> Image | None:
        """What shows the pair."""
        return self._layer

    def offer(self, comparison: Comparison | None) -> None:
        """Show pictures of another comparison, the same two if it has them."""
        before, self._comparison = self.pair, comparison
        if before is not None and comparison is not None and before.is_of(comparison):
            return  # only outlines are others
        self.pair = None
        if comparison is not None:
            names = (before.first, before.second) if before is not None else None
            self.pair = _pair(comparison, names) or _pair(comparison, first_choice(comparison))
        if self.mode is not None and not self._fits():
            self.leave()
        elif self.mode is not None:
            self.show(self.mode)
        self.changed.emit()

    def choose(self, first: str, second: str) -> None:
        """Take two pictures by name.

        Raises:
            UnlearnError: There is no such picture.
        """
        if self._comparison is None:
            raise UnlearnError("There are no pictures yet; run a comparison first.")
        self.pair = Pair.of(self._comparison, first, second)
        if self.mode is not None:
            self.show(self.mode)
        self.changed.emit()

    def exchange(self) -> None:
        """Let A be B and B be A."""
        if self.pair is not None:
            self.choose(self.pair.second, self.pair.first)

    def toggle(self, mode: Mode) -> None:
        """Show the pair so, or the tiles again if it is shown so already.

        Raises:
            UnlearnError: There are no two pictures.
        """
        if self.mode == mode:
            self.leave()
        else:
            self.show(mode)

    def show(self, mode: Mode) -> None:
        """Show the pair in place of the tiles.

        Raises:
            UnlearnError: There are no two pictures.
        """
        pair = self.pair
        if pair is None or self._comparison is None or not self._tiles.upper:
            raise UnlearnError("There are no two pictures to compare; run a comparison first.")
        if self._layer is None:
            self._enter(pair, self._comparison)
        self._remember()
        self.mode = mode
        self._style(pair)
        self._draw()
        if mode == "flicker":
            self.flicker.start()
        else:
            self.flicker.stop()
        self.changed.emit()

    def leave(self) -> None:
        """Bring the tiles back."""
        if self._layer is None:
            return
        self._put_away()
        self.changed.emit()

    def _enter(self, pair: Pair, comparison: Comparison) -> None:
        viewer, tiles = self._viewer, (*self._tiles.upper, *self._tiles.lower)
        low, high = tiles[0].image.contrast_limits
        self._limits = (float(low), float(high))
        # As a map it gets a colour bar, which `_style` shows for the difference.
        picture = Picture("change", np.zeros_like(pair.a), pair.first, self._limits)
        self._layer = image_layer(picture, comparison.header)
        self._layer.mouse_drag_callbacks.append(self._drag)
        mine = [layer for tile in tiles for layer in (tile.image, tile.outlines)]
        self._hidden = [layer for layer in mine if layer.visible]
        with viewer.layers.batched_update():
            for hidden in self._hidden:
                hidden.visible = False
            viewer.layers.insert(0, self._layer)  # below what was drawn by hand
            viewer.canvas.grid.enabled = False
        for tile in tiles:
            tile.outlines.events.visible.connect(self._on_outlines)
        viewer.layers.selection.active = self._layer
        self._tiles.fit()

    def _put_away(self) -> None:
        """Take the layer away and show again what was hidden for it, under its greys."""
        self._remember()
        layer, self._layer, self.mode = self._layer, None, None
        layers, tiles = self._viewer.layers, (*self._tiles.upper, *self._tiles.lower)
        self.flicker.stop()
        for tile in tiles:
            tile.outlines.events.visible.disconnect(self._on_outlines)
        there = self._tiles_there()
        with layers.batched_update():
            if layer in layers:
                layers.remove(layer)
            for hidden in self._hidden:
                if hidden in layers:
                    hidden.visible = True
            if there:
                self._viewer.canvas.grid.enabled = True
        self._hidden = []
        if there:
            tiles[0].image.contrast_limits = self._limits  # the others are linked to it
            layers.selection.active = tiles[0].image
            self._tiles.fit()

    def _tiles_there(self) -> bool:
        tiles = self._tiles.upper
        return bool(tiles) and all(tile.image in self._viewer.layers for tile in tiles)

    def _on_outlines(self, event: "Event") -> None:
        """Somebody shows or hides all outlines: it is done when the tiles are back."""
        outlines = event.source
        if outlines.visible:
            with outlines.events.visible.blocker(self._on_outlines):
                outlines.visible = False
            self._hidden.append(outlines)
        elif outlines in self._hidden:
            self._hidden.remove(outlines)

    def _remember(self) -> None:
        """One window and level for tiles and pair, whoever changed it last."""
        if self._layer is not None and self.mode in ("flicker", "wipe"):
            low, high = self._layer.contrast_limits
            self._limits = (float(low), float(high))

    def _style(self, pair: Pair) -> None:
        """Greys for the pictures, two colours for their difference, with its scale."""
        layer = self._layer
        if layer is None:
            return
        apart = self.mode == "difference"
        limits = (-pair.worst, pair.worst) if apart else self._limits
        first = self._tiles.upper[0].image
        layer.colormap = COLORMAPS["change" if apart else "reconstruction"]
        layer.contrast_limits_range = limits if apart else tuple(first.contrast_limits_range)
        layer.contrast_limits = limits
        layer.colorbar.visible = apart

    def _draw(self, *_: object) -> None:
        layer, pair = self._layer, self.pair
        if layer is None or pair is None or self.mode is None:
            return
        index = int(self._viewer.dims.current_step[0])
        if index >= len(pair.a):
            return  # a layer of somebody else's has more slices
        if self.mode == "flicker":
            picture = pair.flicker(index, self.flicker.second)
            name = f"B  {pair.second}" if self.flicker.second else f"A  {pair.first}"
        elif self.mode == "wipe":
            picture = pair.wipe(index, self.wipe.edge)
            place = pair.column(self.wipe.edge)
            picture[:, max(place - 1, 0) : place] = layer.contrast_limits[1]  # the edge itself
            name = f"A  {pair.first}  |  B  {pair.second}"
        else:
            picture = pair.difference(index)
            name = f"{pair.first} − {pair.second}"
        layer.data[index] = picture
        layer.refresh(extent=False, thumbnail=False)
        if layer.name != name:
            layer.name = name

    def _drag(self, layer: Image, event: object) -> object:
        return self.wipe.drag(layer, event) if self.mode == "wipe" else None

    def _fits(self) -> bool:
        return (
            self.pair is not None
            and self._layer is not None
            and self._layer.data.shape == self.pair.a.shape
            and bool(self._tiles.upper)
            and tuple(self._layer.scale) == tuple(self._tiles.upper[0].image.scale)
        )

    def _on_canvas(self, *_: object) -> None:
        if self._layer is not None:
            if self._layer not in self._viewer.layers:
                self.flicker.stop()
            self._later.start()

    def _look_around(self) -> None:
        """End if the canvas is no longer ours."""
        if self._layer is None:
            return
        there = self._tiles_there()  # first: tiles that are being laid out take the canvas then
        shown = self._layer in self._viewer.layers and not self._viewer.canvas.grid.enabled
        if not shown or not there:
            self.leave()


def _pair(comparison: Comparison, names: tuple[str, str] | None) -> Pair | None:
    try:
        return None if names is None else Pair.of(comparison, *names)
    except UnlearnError:
        return None
