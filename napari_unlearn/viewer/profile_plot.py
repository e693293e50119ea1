"""Intensities of all models along a line, as curves that can be told apart without colour."""

import os
from html import escape
from typing import Any

import qtpy
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.line_profile import DrawnLine, Profile, line_profile

_BACKGROUND = "#262930"  # napari's dark theme

PENS = (
    ("#FFFFFF", Qt.PenStyle.SolidLine, "—"),
    ("#E69F00", Qt.PenStyle.DashLine, "– –"),
    ("#56B4E9", Qt.PenStyle.DotLine, "···"),
    ("#14C38E", Qt.PenStyle.DashDotLine, "–·–"),
    ("#CC79A7", Qt.PenStyle.DashDotDotLine, "–··"),
    ("#F0E442", Qt.PenStyle.SolidLine, "——"),
)
"""Colour after Okabe & Ito, dashes, and how the legend writes them; again from the start after."""


class ProfilePlot(QWidget):
    """Asks for pyqtgraph only when there is a line to draw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot: Any = None
        """pyqtgraph's; None before the first line."""
        self.profile: Profile | None = None
        """What is drawn."""
        self.legend = QLabel()
        self.legend.setStyleSheet("font-size: 11px;")
        self.legend.setWordWrap(True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self.legend)
        self.hide()

    def show_line(self, comparison: Comparison | None, line: DrawnLine | None) -> None:
        """Draw the profiles along a line; without one, or without models, hide."""
        self.profile = None
        if comparison is not None and line is not None:
            try:
                self.profile = line_profile(comparison, line)
            except EvaluationError:
                self.profile = None  # drawn beyond the last slice
        self.setVisible(self.profile is not None)
        if self.profile is None or line is None:
            return
        self._prepare()
        self.plot.clear()
        for (name, values), (colour, style, _) in zip(
            self.profile.values.items(), _endless(len(self.profile.values)), strict=True
        ):
            pen = self._pg.mkPen(colour, width=1.5, style=style)
            self.plot.plot(self.profile.distance, 100 * values, pen=pen, name=name)
        self.legend.setText(_legend(line, list(self.profile.values)))

    def _prepare(self) -> None:
        """Import pyqtgraph with the binding that napari uses, and make the plot."""
        if self.plot is not None:
            return
        os.environ.setdefault("PYQTGRAPH_QT_LIB", qtpy.API_NAME)
        import pyqtgraph

        self._pg = pyqtgraph
        canvas = pyqtgraph.GraphicsLayoutWidget()
        canvas.setBackground(_BACKGROUND)
        canvas.setFixedHeight(150)
        self.plot = canvas.addPlot(row=0, col=0)
        self.plot.setLabel("left", "% of max.")
        self.plot.setLabel("bottom", "Along the line [mm]")
        self.plot.getAxis("left").setWidth(46)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.showGrid(x=True, y=True, alpha=0.12)
        self._column.addWidget(canvas)


def _endless(count: int) -> list[tuple[str, Qt.PenStyle, str]]:
    return [PENS[place % len(PENS)] for place in range(count)]


def _legend(line: DrawnLine, names: list[str]) -> str:
    parts = [
        f'<span style="color:{colour}">{dashes} {escape(name)}</span>'
        for name, (colour, _, dashes) in zip(names, _endless(len(names)), strict=True)
    ]
    return f"{line.number} · slice {line.slice} &nbsp; {' &nbsp; '.join(parts)}"
