"""A scroll area whose form keeps its full height: wrapped lines are never squeezed."""

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QScrollArea, QWidget


class TallArea(QScrollArea):
    """Qt asks a form for its least height before it knows the width that lines wrap at."""

    def __init__(self, form: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidget(form)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Measure again when the form has changed."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Measure again when the width has changed."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        form, view = self.widget(), self.viewport()
        layout = form.layout() if form is not None else None
        if form is not None and layout is not None and view is not None:
            form.setMinimumHeight(max(0, layout.totalHeightForWidth(view.width())))
