"""Outlines drawn at less cost: what nobody sees of a layer of shapes, and what need not be new.

Whenever the shapes of a slice change, vispy gives the mesh behind them a new function of colour,
equal to the old one, and so has OpenGL compile and link the whole program again; napari does so
for each layer on every turn to another slice. With eight tiles that was two thirds of a redraw.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Shapes


def spare_redraws(viewer: "ViewerModel", layer: "Shapes") -> None:
    """Keep the compiled program of a layer's outlines, and leave out what marks a selection.

    Nobody selects outlines. A viewer without a window draws nothing, so there is nothing to spare;
    a later napari or vispy, built otherwise inside, draws as it likes.

    Args:
        viewer: Has the layer.
        layer: Its shapes all have colours of their own, as napari's always do.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return
    with suppress(AttributeError):
        visual = window._qt_viewer.canvas.layer_to_visual[layer].node
        for unseen in (visual.shape_highlights, visual.highlight_lines, visual.highlight_vertices):
            unseen.visible = False
        faces = visual.shape_faces
        faces._build_color_transform = _remembered(faces._build_color_transform)
    # A picture of the outlines for the list of layers takes as long as the outlines.
    layer._allow_thumbnail_update = False


def _remembered(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of the first colours: as long as there is one per face it is the same."""
    kept: list[Any] = []

    def reuse(colours: Any) -> Any:
        if not kept:
            kept.append(make(colours))
        return kept[0]

    return reuse
