"""A logarithmic slider over lambda, on which the value that follows from the data is marked."""

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

from napari_unlearn.viewer.map_choice import STEPS, lambda_at, step_of

_SIZE = 4.0  # half the width of the mark, and its height [pixels]
_COLOUR = "#5FE8BC"


class LambdaSlider(QSlider):
    """Its value is a step; `lam` is what it stands for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, STEPS)
        self.setPageStep(STEPS // 16)
        self.automatic: float | None = None
        """Lambda that is marked."""

    @property
    def lam(self) -> float:
        """Lambda at the handle."""
        return lambda_at(self.value())

    def show_lambda(self, lam: float | None, automatic: float | None) -> None:
        """Move handle and mark; emits nothing."""
        self.automatic = automatic
        if lam is not None:
            self.blockSignals(True)
            self.setValue(step_of(lam))
            self.blockSignals(False)
        self.update()

    def mark(self) -> float | None:
        """Where the mark points to, from the left edge [pixels]; None without one."""
        if self.automatic is None:
            return None
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        if style is None:
            return None
        handle = style.pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        room = self.width() - handle
        step = step_of(self.automatic)
        return handle / 2 + QStyle.sliderPositionFromValue(0, STEPS, step, room)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Paint the slider, then the mark below its groove."""
        super().paintEvent(event)
        place, low = self.mark(), float(self.height())
        if place is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(_COLOUR))
        corners = ((place - _SIZE, low), (place + _SIZE, low), (place, low - _SIZE))
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
        painter.end()
