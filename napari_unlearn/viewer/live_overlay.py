"""Pictures painted over the canvas by Qt, because redrawing the canvas itself is slow.

A canvas of ten tiles takes about 0.1 s to redraw with software OpenGL, every tile of it; a
picture that changes twice a second is painted over its own tile instead.
"""

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget
from vispy.scene import ViewBox

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from vispy.scene import Node

_COLOURS = 256


class LiveOverlay(QWidget):
    """Lies over a canvas and lets every click through.

    Where a picture goes is asked anew whenever it is painted, so that it follows the camera.
    """

    def __init__(self, viewer: "ViewerModel", canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas = viewer, canvas
        self._pictures: dict[Image, QImage] = {}
        self._slice = 0
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @classmethod
    def over(cls, viewer: "ViewerModel") -> Self | None:
        """One for a viewer's canvas; None if the viewer has no window."""
        window = getattr(viewer, "window", None)
        return None if window is None else cls(viewer, window._qt_viewer.canvas.native)

    def put(self, layer: "Image", index: int) -> None:
        """Paint a slice of a layer's data, as the layer would."""
        low, high = layer.contrast_limits
        values = np.clip((layer.data[index] - low) / (high - low), 0, 1)
        colours = layer.colormap.map(np.linspace(0, 1, _COLOURS))
        self._pictures[layer] = _image(values, np.round(255 * colours).astype(np.uint8))
        self._slice = index
        if self.isHidden() or self.geometry() != self._canvas.rect():
            self.setGeometry(self._canvas.rect())
            self.show()
            self.raise_()
        node = self._node(layer)
        if node is not None:  # no more than that is composed anew
            place = _place(node, values.shape[1], values.shape[0]).intersected(_cell(node))
            self.update(place.toAlignedRect())

    def clear(self) -> None:
        """Leave the canvas to itself, which then shows the layers' data."""
        if self._pictures:
            for layer in self._pictures:
                layer.refresh(extent=False)
            self._pictures = {}
            self.hide()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint each picture where its layer is now, on its slice."""
        if int(self._viewer.dims.current_step[0]) != self._slice:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for layer, image in self._pictures.items():
            node = self._node(layer)
            if node is not None and layer.visible:
                painter.setClipRect(_cell(node))
                painter.drawImage(_place(node, image.width(), image.height()), image)
        painter.end()

    def _node(self, layer: "Image") -> "Node | None":
        """What draws a layer on the canvas, as long as it is there."""
        visuals = self._viewer.window._qt_viewer.canvas.layer_to_visual  # type: ignore[attr-defined]
        return visuals[layer].node if layer in visuals else None


def _image(values: NDArray[np.float32], colours: NDArray[np.uint8]) -> QImage:
    """Values from 0 to 1, (rows, columns), in 256 colours."""
    pixels = colours[np.round((_COLOURS - 1) * values).astype(np.uint8)].tobytes()
    rows, columns = values.shape
    made = QImage(pixels, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
    return made.copy()  # its own memory: the bytes go


def _place(node: "Node", columns: int, rows: int) -> QRectF:
    """Where an image of so many pixels lies on the canvas."""
    corners = node.get_transform("visual", "canvas").map([[0, 0], [columns, rows]])
    (left, top), (right, bottom) = (corner[:2] / corner[3] for corner in corners)
    return QRectF(left, top, right - left, bottom - top)


def _cell(node: "Node") -> QRectF:
    """The cell of the grid that a visual is drawn in."""
    while not isinstance(node, ViewBox):
        node = node.parent
    corners = node.get_transform("visual", "canvas").map([[0, 0], list(node.size)])
    (left, top), (right, bottom) = (corner[:2] / corner[3] for corner in corners)
    return QRectF(left, top, right - left, bottom - top)
