"""Pictures painted over the canvas by Qt, because redrawing the canvas itself is slow.

A canvas of ten tiles takes about 0.1 s to redraw with software OpenGL, every tile of it; a
picture that changes twice a second is painted over its own tile instead, under a caption that
changes as often.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QCoreApplication, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget
from vispy.scene import ViewBox

from napari_unlearn.viewer.layout import HEADER

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from vispy.scene import Node

_COLOURS = 256
_MARGIN = 10.0  # of a caption of napari's, from the left of its cell [pixels]


@dataclass(frozen=True)
class _Painted:
    """What lies over a tile; without an image its caption alone."""

    image: QImage | None = None
    caption: str = ""


def give_own_window(viewer: "ViewerModel") -> None:
    """Give the canvas a native window inside the viewer's.

    Without one, whatever moves in a dock has OpenGL compose the whole window anew, the canvas
    in it; with software OpenGL that halves the pace of a job. Seen working with X11, so other
    window systems are left as they are.
    """
    window = getattr(viewer, "window", None)
    if window is None or QGuiApplication.platformName() != "xcb":
        return
    canvas = window._qt_viewer.canvas.native
    with _alone():
        canvas.setAttribute(Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
        canvas.setAttribute(Qt.WidgetAttribute.WA_NativeWindow)
        if canvas.isVisible():
            canvas.winId()  # makes it; one that is still hidden gets it when it is shown


@contextmanager
def _alone() -> Iterator[None]:
    """Keep Qt from giving all widgets beside one a native window too, each composed for itself."""
    alone = Qt.ApplicationAttribute.AA_DontCreateNativeWidgetSiblings
    before = QCoreApplication.testAttribute(alone)
    QCoreApplication.setAttribute(alone, True)
    try:
        yield
    finally:
        QCoreApplication.setAttribute(alone, before)


class LiveOverlay(QWidget):
    """Lies over a canvas and lets every click through.

    Where a picture goes is asked anew whenever it is painted, so that it follows the camera.
    """

    def __init__(self, viewer: "ViewerModel", canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas = viewer, canvas
        self._painted: dict[Image, _Painted] = {}
        self._slice = 0
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @classmethod
    def over(cls, viewer: "ViewerModel") -> Self | None:
        """One for a viewer's canvas; None if the viewer has no window."""
        window = getattr(viewer, "window", None)
        return None if window is None else cls(viewer, window._qt_viewer.canvas.native)

    def put(self, layer: "Image", index: int, caption: str = "") -> None:
        """Paint a slice of a layer's data, as the layer would, and a caption if there is one."""
        low, high = layer.contrast_limits
        values = np.clip((layer.data[index] - low) / (high - low), 0, 1)
        colours = layer.colormap.map(np.linspace(0, 1, _COLOURS))
        image = _image(values, np.round(255 * colours).astype(np.uint8))
        self._paint(layer, index, _Painted(image, caption))

    def put_caption(self, layer: "Image", index: int, caption: str) -> None:
        """Paint another caption over that of a layer, whose picture stays what it is."""
        painted = self._painted.get(layer, _Painted())
        self._paint(layer, index, replace(painted, caption=caption))

    def clear(self) -> None:
        """Leave the canvas to itself, which then shows the layers' data."""
        if self._painted:
            for layer in self._painted:
                layer.refresh(extent=False)
            self._painted = {}
            self.hide()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint each picture where its layer is now, on its slice."""
        if int(self._viewer.dims.current_step[0]) != self._slice:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for layer, painted in self._painted.items():
            node = self._node(layer)
            if node is None or not layer.visible:
                continue
            cell = _cell(node)
            painter.setClipRect(cell)
            if painted.image is not None:
                size = painted.image.width(), painted.image.height()
                painter.drawImage(_place(node, *size), painted.image)
            if painted.caption:
                self._write(painter, _above(cell), painted.caption, layer.name_overlay.font_size)
        painter.end()

    def _write(self, painter: QPainter, place: QRectF, caption: str, points: float) -> None:
        """Write as napari does: its sizes are points of a screen of 96 dots per inch."""
        painter.fillRect(place, QColor("black"))
        font = QFont(self.font())
        font.setPixelSize(round(points * 96 / 72))
        painter.setFont(font)
        painter.setPen(QColor("white"))
        alignment = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(place.adjusted(_MARGIN, 0, 0, 0), alignment, caption)

    def _paint(self, layer: "Image", index: int, painted: _Painted) -> None:
        self._painted[layer] = painted
        self._slice = index
        if self.isHidden() or self.geometry() != self._canvas.rect():
            self.setGeometry(self._canvas.rect())
            self.show()
            self.raise_()
        node = self._node(layer)
        if node is None:
            return
        cell = _cell(node)  # no more than what changes in it is composed anew
        if painted.image is not None:
            place = _place(node, painted.image.width(), painted.image.height())
            self.update(place.intersected(cell).toAlignedRect())
        if painted.caption:
            self.update(_above(cell).toAlignedRect())

    def _node(self, layer: "Image") -> "Node | None":
        return _node(self._viewer, layer)


def cell_of(viewer: "ViewerModel", layer: "Image") -> QRectF | None:
    """The cell of the grid that a layer is drawn in [canvas pixels]; None while it is not."""
    node = _node(viewer, layer)
    return None if node is None else _cell(node)


def _node(viewer: "ViewerModel", layer: "Image") -> "Node | None":
    """What draws a layer on the canvas, as long as it is there."""
    visuals = viewer.window._qt_viewer.canvas.layer_to_visual  # type: ignore[attr-defined]
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


def _above(cell: QRectF) -> QRectF:
    """The place for a caption in a cell."""
    return QRectF(cell.left(), cell.top(), cell.width(), HEADER)
