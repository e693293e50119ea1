"""OpenGL programs built and tried before the canvas is painted with them, one per turn.

vispy writes a program when it first draws with it, and OpenGL compiles it then: 20 to 90 ms for
each, and all those of a new picture in the one event that paints it.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_unlearn.viewer.turns import Steps, shown_canvas

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.components.overlays import Overlay

_OTHERWISE = (AttributeError, RuntimeError, TypeError)
"""What a later napari or vispy, built otherwise inside, or a window that was closed may raise:
then it is painted without a rehearsal."""


def rehearsing(viewer: "ViewerModel", overlay: "Overlay | None" = None) -> Steps:
    """Draw every visible part that was never drawn, alone and into a single pixel, in steps.

    Then the canvas is painted.

    Args:
        viewer: With a window or without.
        overlay: Made visible first.
    """
    if overlay is not None:
        overlay.visible = True
        yield False
    if shown_canvas(viewer) is None:
        return
    parts: list[Any] = []
    with suppress(*_OTHERWISE):
        canvas = viewer.window._qt_viewer.canvas._scene_canvas  # type: ignore[attr-defined]
        parts = list(_undrawn(canvas.scene))
    for part in parts:
        with suppress(*_OTHERWISE):
            canvas.set_current()  # letters are drawn by OpenGL in part
            if part._prepare_draw(view=part) is not False:
                part._program.build_if_needed()
        yield False
        with suppress(*_OTHERWISE):
            _draw(canvas, part)
        yield False
    yield True


def _undrawn(visual: Any) -> Iterator[Any]:
    """Visible parts of a visual, and of those below it, whose program is to be written."""
    if not visual.visible:
        return
    if getattr(getattr(visual, "_program", None), "_need_build", False):
        yield visual
    for each in (*getattr(visual, "_subvisuals", ()), *getattr(visual, "children", ())):
        yield from _undrawn(each)


def _draw(canvas: Any, part: Any) -> None:
    canvas.set_current()
    context = canvas.context
    whole = context.get_viewport()
    context.set_viewport(0, 0, 1, 1)
    try:
        part.draw()
    finally:
        context.set_viewport(*whole)
