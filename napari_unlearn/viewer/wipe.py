"""The edge between two pictures, dragged with the mouse."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event

_REACH = 14.0  # canvas pixels from the edge within which the mouse takes hold of it


class Wipe(QObject):
    """Where the edge is; a callback for the mouse of the layer that shows it."""

    moved = Signal(float)
    """`edge`"""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.edge = 0.5
        """Share of the columns that show A."""

    def move(self, edge: float) -> None:
        """Put the edge elsewhere, kept within the image."""
        self.edge = min(max(edge, 0.0), 1.0)
        self.moved.emit(self.edge)

    def drag(self, layer: "Image", event: "Event") -> Iterator[None]:
        """Follow the mouse from a press near the edge until its release; napari drives this."""
        columns = layer.data.shape[-1]
        pixel = layer.scale[-1] * event.camera_zoom  # canvas pixels per column
        # Column centres lie at whole numbers, so the edge before column c lies at c - 0.5.
        place = layer.world_to_data(event.position)[-1] + 0.5
        if abs(place - self.edge * columns) * pixel > _REACH:
            return
        event.handled = True  # or the camera would follow as well
        yield
        while event.type == "mouse_move":
            self.move((layer.world_to_data(event.position)[-1] + 0.5) / columns)
            event.handled = True
            yield
