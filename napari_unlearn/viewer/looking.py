"""Tools for a reader: what was drawn by hand, measured; two pictures held against each other."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.region_metrics import DrawnRegion
from napari_unlearn.viewer.drawing import Tool
from napari_unlearn.viewer.drawn_table import DrawnTable
from napari_unlearn.viewer.live_sampling import LiveSampling
from napari_unlearn.viewer.pair_panel import PairPanel
from napari_unlearn.viewer.profile_plot import ProfilePlot

if TYPE_CHECKING:
    import napari

    from napari_unlearn.viewer.session import Session
    from napari_unlearn.viewer.settings_form import SettingsForm

_TOOLS: dict[Tool, tuple[str, str]] = {
    "freehand": ("Freehand", "Hold the mouse and go around"),
    "polygon": ("Polygon", "Click the corners, double-click the last"),
    "ellipse": ("Ellipse", "Drag from corner to corner"),
    "rectangle": ("Box", "Drag from corner to corner"),
    "line": ("Line", "Drag along; all models' intensities below"),
}


class Looking(QWidget):
    """Thin face of a session's `Drawing`, `PairView` and sampling."""

    failed = Signal(str)
    """One sentence."""

    def __init__(
        self,
        session: "Session",
        settings: "SettingsForm",
        viewer: "napari.Viewer",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer = session, viewer
        self.drawing = session.drawing
        self.tools: dict[Tool, QPushButton] = {}
        tools = QHBoxLayout()
        tools.setSpacing(2)
        for tool, (title, tip) in _TOOLS.items():
            button = QPushButton(title)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setStyleSheet("padding: 3px 2px;")
            button.clicked.connect(partial(self._on_tool, tool))
            self.tools[tool] = button
            tools.addWidget(button)
        self.remove = QPushButton("Remove last")
        self.copy = QPushButton("Copy")
        self.export = QPushButton("CSV…")
        self.table = DrawnTable()
        self.table.setFixedHeight(134)
        self.plot = ProfilePlot()
        self.pair = PairPanel(session)
        self.sampling = LiveSampling(session, settings)
        below = QHBoxLayout()
        for place, button in enumerate((self.remove, self.copy, self.export)):
            below.addWidget(button, stretch=1 if place == 0 else 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addLayout(tools)
        column.addWidget(self.table)
        column.addLayout(below)
        column.addWidget(self.plot)
        column.addWidget(self.pair)
        column.addWidget(self.sampling)
        column.addStretch(1)
        self.remove.clicked.connect(self.drawing.remove_last)
        self.copy.clicked.connect(self._on_copy)
        self.export.clicked.connect(self._on_export)
        self.table.chosen.connect(self._on_chosen)
        self.pair.failed.connect(self.failed)
        self.sampling.failed.connect(self.failed)
        self.drawing.armed.connect(self._show_tool)
        self.drawing.changed.connect(self._show_drawn)
        session.compared.connect(self._show_drawn)
        session.changed.connect(self._show_drawn)
        self._show_drawn()

    def save(self, path: Path) -> None:
        """Write what was measured as CSV."""
        write_whole(path, self.table.text(",").encode())

    def _show_drawn(self, *_: object) -> None:
        comparison, lines = self._session.comparison, self.drawing.lines
        self.table.show_regions(comparison, self.drawing.regions)
        self.plot.show_line(comparison, lines[-1] if lines else None)
        self.remove.setEnabled(bool(self.drawing.regions or lines))

    def _show_tool(self, tool: str) -> None:
        for each, button in self.tools.items():
            button.setChecked(each == tool)

    def _on_tool(self, tool: Tool, _checked: bool = False) -> None:
        try:
            self.drawing.take(tool)
        except UnlearnError as error:
            self.failed.emit(str(error))
        self._show_tool(self.drawing.tool or "")  # a click alone must not check a button

    def _on_chosen(self, region: DrawnRegion) -> None:
        self._viewer.dims.set_current_step(0, region.slice)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.table.text())

    def _on_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export regions", "regions.csv", "*.csv")
        if not path:
            return
        try:
            self.save(Path(path))
        except UnlearnError as error:
            self.failed.emit(str(error))
