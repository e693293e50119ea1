"""Regions and lines drawn by hand over the tiles, the same over every one of them."""

from typing import TYPE_CHECKING, Literal

from napari.layers import Shapes
from napari.layers.base import ActionType
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.line_profile import DrawnLine
from napari_unlearn.evaluation.region_metrics import DrawnRegion
from napari_unlearn.viewer.drawn_layer import Drawn, drawn_layer, number, put, shapes_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.utils.events import Event

    from napari_unlearn.viewer.tile import Tile
    from napari_unlearn.viewer.tiles import Tiles

Tool = Literal["freehand", "polygon", "ellipse", "rectangle", "line"]

MODES: dict[Tool, str] = {
    "freehand": "add_polygon_lasso",
    "polygon": "add_polygon",
    "ellipse": "add_ellipse",
    "rectangle": "add_rectangle",
    "line": "add_line",
}
"""napari's name of each tool."""

_LAYERS_PER_TILE = 3
"""Image, outlines, drawn: the grid counts layers, so every tile gets as many."""


class Drawing(QObject):
    """Lays an editable layer over each tile once somebody draws, and keeps all of them alike.

    What is drawn belongs to the scan: it outlives new reconstructions and layouts of tiles.
    """

    changed = Signal()
    """Regions or lines are others than before."""
    armed = Signal(str)
    """The `Tool` in hand; "" for none."""

    def __init__(self, viewer: "Viewer", tiles: "Tiles") -> None:
        super().__init__()
        self._viewer, self._tiles = viewer, tiles
        self._layers: list[Shapes] = []
        self._shapes: list[Drawn] = []
        self._asked = False
        self._echo = False
        self._unfinished = False
        self._edited: Shapes | None = None
        self._later = QTimer(self)  # napari is still in the middle of it when it tells
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._catch_up)
        viewer.canvas.grid.events.stride.connect(self._on_canvas)
        viewer.canvas.grid.events.enabled.connect(self._on_canvas)
        viewer.layers.events.removed.connect(self._on_canvas)
        viewer.layers.selection.events.active.connect(self._on_mode)
        viewer.mouse_drag_callbacks.append(self._on_press)

    @property
    def layers(self) -> tuple[Shapes, ...]:
        """One per tile, once somebody has drawn."""
        return tuple(self._layers)

    @property
    def regions(self) -> tuple[DrawnRegion, ...]:
        """All closed shapes, on whatever slice."""
        return tuple(each for each in self._named() if isinstance(each, DrawnRegion))

    @property
    def lines(self) -> tuple[DrawnLine, ...]:
        """All lines, on whatever slice."""
        return tuple(each for each in self._named() if isinstance(each, DrawnLine))

    @property
    def tool(self) -> Tool | None:
        """What the mouse draws by now."""
        active = self._active
        if active is None:
            return None
        return next((tool for tool, mode in MODES.items() if mode == active.mode), None)

    def take(self, tool: Tool) -> None:
        """Draw with a tool from now on; the one in hand is put down.

        Raises:
            UnlearnError: There is no tile.
        """
        tiles = self._on_tiles()
        if not tiles:
            raise UnlearnError("There is nothing to draw on yet; run a comparison first.")
        if self.tool == tool:
            self.put_down()
            return
        self._asked = True
        if not self._in_place(tiles):
            self._lay_over(tiles)
        layer = self._active or self._layers[0]
        self._viewer.layers.selection.active = layer
        layer.mode = MODES[tool]

    def put_down(self) -> None:
        """Let the mouse move the images again."""
        for layer in self._layers:
            layer.mode = "pan_zoom"

    def add(self, shape: Drawn) -> None:
        """Draw from a program.

        Raises:
            UnlearnError: There is no tile.
        """
        tiles = self._on_tiles()
        if not tiles:
            raise UnlearnError("There is nothing to draw on yet; run a comparison first.")
        self._asked = True
        self._shapes.append(shape)
        if self._in_place(tiles):
            self._show()
        else:
            self._lay_over(tiles)
        self.changed.emit()

    def remove(self, numbers: set[int]) -> None:
        """Take drawings away, counted from 1; the others close up."""
        self._shapes = [each for at, each in enumerate(self._shapes, 1) if at not in numbers]
        self._show()
        self.changed.emit()

    def remove_last(self) -> None:
        """Take the last drawing away."""
        self.remove({len(self._shapes)})

    def clear(self) -> None:
        """Another scan is open: nothing drawn is of it."""
        if self._shapes:
            self.remove(set(range(1, len(self._shapes) + 1)))

    @property
    def _active(self) -> Shapes | None:
        active = self._viewer.layers.selection.active
        return next((layer for layer in self._layers if layer is active), None)

    def _named(self) -> list[DrawnRegion | DrawnLine]:
        return [each.named(place) for place, each in enumerate(self._shapes, 1)]

    def _on_tiles(self) -> "list[Tile]":
        """The tiles, if they are on the canvas."""
        tiles = [*self._tiles.upper, *self._tiles.lower]
        there = all(tile.outlines in self._viewer.layers for tile in tiles)
        return tiles if there else []

    def _in_place(self, tiles: "list[Tile]") -> bool:
        layers = self._viewer.layers
        return (
            len(tiles) == len(self._layers)
            and self._viewer.canvas.grid.stride == _LAYERS_PER_TILE
            and all(layer in layers for layer in self._layers)
            and all(
                layers.index(layer) == layers.index(tile.outlines) + 1
                for tile, layer in zip(tiles, self._layers, strict=True)
            )
            and all(
                tuple(tile.image.scale) == tuple(layer.scale)
                for tile, layer in zip(tiles, self._layers, strict=True)
            )
        )

    def _lay_over(self, tiles: "list[Tile]") -> None:
        """Put a layer over each tile; whatever was selected stays so."""
        layers, grid = self._viewer.layers, self._viewer.canvas.grid
        active = layers.selection.active
        with layers.batched_update():
            self._take_away()
            for place, tile in enumerate(tiles):
                layer = drawn_layer(tile.outlines, f"Drawn {place + 1}")
                layer.visible = grid.enabled or place == 0  # one tile alone fills the canvas
                layer.events.data.connect(self._on_data)
                layer.events.mode.connect(self._on_mode)
                self._layers.append(layer)
                layers.insert(layers.index(tile.outlines) + 1, layer)
            grid.stride = _LAYERS_PER_TILE
        self._show()
        layers.selection.active = active if active in layers else tiles[0].image

    def _take_away(self) -> None:
        for layer in self._layers:
            layer.events.data.disconnect(self._on_data)
            layer.events.mode.disconnect(self._on_mode)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers = []

    def _show(self, but: Shapes | None = None) -> None:
        self._echo = True
        try:
            for layer in self._layers:
                if layer is not but:
                    put(layer, self._shapes)
        finally:
            self._echo = False

    def _on_canvas(self, *_: object) -> None:
        if self._asked:
            self._later.start()

    def _on_mode(self, *_: object) -> None:
        self.armed.emit(self.tool or "")

    def _on_data(self, event: "Event") -> None:
        if self._echo:
            return
        if event.action == ActionType.ADDING:
            self._unfinished = True
        elif event.action in (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED):
            self._unfinished = False
            self._edited = event.source
            self._later.start()

    def _catch_up(self) -> None:
        """Follow the tiles wherever they went, then give all of them what one was given."""
        tiles = self._on_tiles()
        edited, self._edited = self._edited, None
        if edited is not None and edited in self._layers:
            self._shapes = shapes_of(edited)
            whole = len(self._shapes) == edited.nshapes
            self._show(but=edited if whole else None)
            if whole:
                number(edited)
            self.changed.emit()
        if tiles and not self._in_place(tiles):
            self._lay_over(tiles)
        elif not tiles and self._layers:
            with self._viewer.layers.batched_update():
                self._take_away()
        alone = not self._viewer.canvas.grid.enabled  # one tile fills the canvas
        wrong = [each for at, each in enumerate(self._layers) if each.visible == (alone and at > 0)]
        if wrong:
            with self._viewer.layers.batched_update():
                for layer in wrong:
                    layer.visible = not layer.visible

    def _on_press(self, _viewer: object, event: "Event") -> None:
        """Draw in the tile under the mouse, whichever was selected."""
        active, grid = self._active, self._viewer.canvas.grid
        if active is None or self._unfinished or self.tool is None or not grid.enabled:
            return
        row, column = event.viewbox
        place = row * grid.actual_shape(self._viewer.layers)[1] + column
        if place < len(self._layers) and self._layers[place] is not active:
            here, mode = self._layers[place], active.mode
            active.mode, here.mode = "pan_zoom", mode
            self._viewer.layers.selection.active = here
