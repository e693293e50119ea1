"""Where tiles, captions and docks stand in the window."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from napari.layers import Shapes
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QWidget

from napari_unlearn.viewer.outline_visual import spare_redraws
from napari_unlearn.viewer.rehearsal import rehearsing
from napari_unlearn.viewer.turns import Steps

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

HEADER = 34.0
"""Room above every image for its caption [canvas pixels]."""

FOOTER = 82.0
"""Room below every image for the colour bar [canvas pixels]."""

BAR = (9.0, 62.0)
"""Width and height of a colour bar [canvas pixels]."""

CAPTION = 11.0
"""Font size of a caption where there is room [pt]."""

DOCK = 340
"""Width of a dock in a window that belongs to the images [pixels]."""

_SIDE = 4.0
_PIXELS_PER_POINT = 1.0  # width of a mean character of the canvas font


def lay_out(
    viewer: "ViewerModel",
    before: Iterable["Layer"],
    tiles: Sequence[Sequence["Layer"]],
    shape: tuple[int, int] | None = None,
) -> None:
    """Replace a grid of tiles by another; the grid comes last, as each insertion would rebuild it.

    Args:
        viewer: Layers that belong to neither grid are hidden: each would take a cell.
        before: Layers of the grid that goes.
        tiles: Layers of each tile from back to front, in every tile as many.
        shape: Rows and columns; None leaves them as they are, for the caller to choose.
    """
    for _ in laying_out(viewer, before, tiles, shape):
        pass


def laying_out(
    viewer: "ViewerModel",
    before: Iterable["Layer"],
    tiles: Sequence[Sequence["Layer"]],
    shape: tuple[int, int] | None = None,
) -> Steps:
    """Do what `lay_out` does in steps: a layer, what is written on it, a tile on the screen."""
    layers = [layer for tile in tiles for layer in tile]
    with viewer.layers.batched_update():
        _take_out(viewer, before)
        for stranger in viewer.layers:
            stranger.visible = False
        grid = viewer.canvas.grid
        grid.enabled = False  # or captions would be put into cells that are not there yet
        yield False
        yield from inserting(viewer, layers)
        grid.stride = len(tiles[0])
        if shape is not None:
            grid.shape = shape
        grid.enabled = True
    for layer in layers:
        if isinstance(layer, Shapes):
            spare_redraws(viewer, layer)


def inserting(viewer: "ViewerModel", layers: Sequence["Layer"]) -> Steps:
    """Put layers into a viewer in steps: sliders, a layer, what is written on it.

    Ahead of strangers, hidden or not: a grid counts its strides from the first layer.
    """
    if not len(viewer.layers):  # napari asks flatter layers for a slider that they do not have
        yield from _making_sliders(viewer, max(viewer.dims.ndim, layers[0].ndim))
    for place, layer in enumerate(layers):
        visible, layer.visible = layer.visible, False
        yield from _inserting(viewer, place, layer)
        yield False
        if visible:
            layer.visible = True  # now napari makes caption and colour bar
            yield False


def _making_sliders(viewer: "ViewerModel", axes: int) -> Steps:
    """Have sliders made in one step and shown in the next, which lays out the window anew."""
    sliders: QWidget | None = None
    with suppress(AttributeError):  # no window, or built otherwise inside
        sliders = viewer.window._qt_viewer.dims  # type: ignore[attr-defined]
    if sliders is None or sliders.isHidden():
        viewer.dims.ndim = axes
        yield False
        return
    sliders.hide()
    try:
        viewer.dims.ndim = axes
        yield False
    finally:
        with suppress(RuntimeError):  # the window may have been closed
            sliders.show()
    yield False


def _inserting(viewer: "ViewerModel", place: int, layer: "Layer") -> Steps:
    """Insert a layer, its controls in a step of their own before; they take half of the time."""
    make: Callable[[Any], None] | None = None
    with suppress(AttributeError):  # no window, or built otherwise inside
        make = viewer.window._qt_viewer.controls._add  # type: ignore[attr-defined]
    if make is None:
        viewer.layers.insert(place, layer)
        return
    make(SimpleNamespace(value=layer))
    yield False
    with viewer.layers.events.inserted.blocker(make):
        viewer.layers.insert(place, layer)


def uncovering(viewer: "ViewerModel") -> Steps:
    """Bring the cells of a grid to the screen one by one, for each has programs to be compiled.

    They are covered now. A later napari, built otherwise inside, brings them all at once.
    """
    cells: list[Any] = []
    with suppress(AttributeError):
        cells = list(viewer.window._qt_viewer.canvas.grid_views)  # type: ignore[attr-defined]
    for cell in cells:
        cell.visible = False
    return _uncovering(viewer, cells)


def _uncovering(viewer: "ViewerModel", cells: Sequence[Any]) -> Steps:
    for cell in cells:
        cell.visible = True
        yield from rehearsing(viewer)


def remove(viewer: "ViewerModel", layers: Iterable["Layer"]) -> None:
    """Take layers out of a viewer, as far as the user has not done so.

    All at once: after each removal napari collects garbage and lays out the grid anew.
    """
    there = [layer for layer in layers if layer in viewer.layers]
    if there:
        with viewer.layers.batched_update():
            _take_out(viewer, there)


def _take_out(viewer: "ViewerModel", layers: Iterable["Layer"]) -> None:
    for layer in layers:
        if layer in viewer.layers:
            viewer.layers.remove(layer)


def fit(viewer: "ViewerModel", rows: float, columns: float, footer: float = FOOTER) -> None:
    """Show whole images, free of captions and colour bars.

    Args:
        viewer: Its camera is moved; tiles share it.
        rows: Height of an image [mm].
        columns: Width of an image [mm].
        footer: Room below an image [canvas pixels].
    """
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    zoom = min((width - 2 * _SIDE) / columns, (height - HEADER - footer) / rows)
    if zoom <= 0:
        return  # a window this small shows captions or images, not both
    camera = viewer.scene.camera
    camera.zoom = zoom
    slack = height - HEADER - footer - rows * zoom
    camera.center = (0.0, (height / 2 - HEADER - slack / 4) / zoom, columns / 2)


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; the first takes the room that is left."""
    beside = QHBoxLayout()
    for number, widget in enumerate(widgets):
        beside.addWidget(widget, stretch=1 if number == 0 else 0)
    return beside


def grid_shape(canvas: tuple[int, int], tiles: int, rows: float, columns: float) -> tuple[int, int]:
    """Rows and columns of a grid in which so many tiles are largest.

    Args:
        canvas: Its height and width [pixels].
        tiles: How many.
        rows: Height of an image [mm].
        columns: Width of an image [mm].
    """
    height, width = canvas
    shapes = [(-(-tiles // across), across) for across in range(1, tiles + 1)]
    return max(
        shapes,
        key=lambda shape: min(width / shape[1] / columns, (height / shape[0] - HEADER) / rows),
    )


def font_size(lines: Iterable[str], width: float, largest: float) -> float:
    """Font size at which the longest of some lines fits a tile [pt]."""
    longest = max((len(line) for line in lines), default=1)
    return float(max(5.0, min(largest, (width - 20) / (longest * _PIXELS_PER_POINT))))


def calm(widget: QWidget, *, width: int) -> None:
    """Give the window to the images: fold away napari's own docks around a plugin dock.

    They come back from the Window menu.

    Args:
        widget: Lies in the dock that stays.
        width: Of that dock [pixels].
    """
    for name in ("layer list", "layer controls"):
        for dock in widget.window().findChildren(QDockWidget, name):
            dock.hide()
    holder: QWidget | None = widget
    while holder is not None and not isinstance(holder, QDockWidget):
        holder = holder.parentWidget()
    if holder is not None:
        holder.setFixedWidth(width)
