"""What every test of the Read dock does at its desk."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QLabel, QLineEdit, QTableWidget, QWidget

ROOT = Path(__file__).parents[3]
PATIENCE = 30000  # milliseconds
Key = Qt.Key


def wait(qtbot, dock):
    """Until the case is on the screen."""
    qtbot.waitUntil(lambda: dock.room.ready, timeout=PATIENCE)


def reveal(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    with qtbot.waitSignal(dock.room.revealed, timeout=PATIENCE):
        qtbot.mouseClick(dock.reveal, Qt.MouseButton.LeftButton)


def words(viewer):
    """Everything that can be read in the window, on it or behind it."""
    window = viewer.window._qt_window
    for widget in [window, *window.findChildren(QWidget)]:
        yield widget.toolTip()
        yield widget.windowTitle()
        yield widget.objectName()
        if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
            yield widget.text()
        if isinstance(widget, QTableWidget):
            cells = [(r, c) for r in range(widget.rowCount()) for c in range(widget.columnCount())]
            yield from (widget.item(*cell).text() for cell in cells if widget.item(*cell))
    for layer in viewer.layers:
        yield layer.name
        yield str(layer.metadata)
        yield str(layer.source)
        yield str(layer.features) if hasattr(layer, "features") else ""
    yield viewer.title
    yield str(viewer.status)
