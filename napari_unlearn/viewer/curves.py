"""Loss and held-out quality while a model unlearns, against original and oracle."""

import os
from typing import Any

import qtpy
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unlearn.viewer.measures import MEASURES, Measure
from napari_unlearn.viewer.run_log import RunLog
from napari_unlearn.viewer.studies import Study

COLOURS = ("#56B4E9", "#E69F00", "#14C38E", "#CC79A7")
"""One per test set, after Okabe & Ito."""

_LOSS = "#9AA7B4"
_BACKGROUND = "#262930"  # napari's dark theme


class Curves(QWidget):
    """Draws a `RunLog`; asks for pyqtgraph only when there is something to draw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log: RunLog | None = None
        self._study: Study | None = None
        self._cursor_at: float | None = None
        self.quality: Any = None
        """pyqtgraph's plot of the chosen measure; None before the first run."""
        self.loss: Any = None
        self._canvas: Any = None
        self._lowest, self._highest = float("inf"), float("-inf")
        self.measure = QComboBox()
        self._measures: tuple[Measure, ...] = ()
        self._offer(MEASURES["reconstruction"])
        self.legend = QLabel()
        self.legend.setStyleSheet("font-size: 11px;")
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        row = QHBoxLayout()
        row.addWidget(self.measure)
        row.addWidget(self.legend, stretch=1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addLayout(row)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        # Where the canvas has no window of its own, each redraw composes the viewer's anew.
        self._later.setInterval(1000)
        self._later.timeout.connect(self.draw)
        self.measure.currentIndexChanged.connect(self.draw)
        self.hide()

    def show_log(self, log: RunLog | None, study: Study | None) -> None:
        """Draw a run, now and from now on; before the first one the levels it is held against."""
        self._log, self._study, self._cursor_at = log, study, None
        if study is not None:
            self._offer(MEASURES[log.task if log is not None else study.task])
        self.setVisible(study is not None)
        if study is not None:
            self.prepare()
            self.draw()

    def _offer(self, measures: tuple[Measure, ...]) -> None:
        if measures != self._measures:
            self._measures = measures
            self.measure.blockSignals(True)
            self.measure.clear()
            self.measure.addItems([measure.title for measure in measures])
            self.measure.blockSignals(False)

    def follow(self) -> None:
        """Draw again soon."""
        if not self._later.isActive():
            self._later.start()

    def mark(self, epoch: float | None) -> None:
        """Put a vertical line at an epoch; None takes it away."""
        self._cursor_at = epoch
        self.draw()

    def draw(self) -> None:
        """Draw everything anew; a few lines of a few hundred points take a millisecond."""
        log = self._log
        if self._canvas is None:
            return
        measure = self._measures[self.measure.currentIndex()]
        names = self._test_sets(measure.key)
        self.quality.clear()
        self.loss.clear()
        unit = f" [{measure.unit}]" if measure.unit else ""
        self.quality.setLabel("left", f"{measure.title}{unit}")
        for name, colour in zip(names, COLOURS, strict=False):
            self._draw_set(log, f"{name}_{measure.key}", colour)
        if log is not None:
            self._draw_loss(log)
        self._draw_cursor()
        self._write_legend(names)

    def _draw_loss(self, log: RunLog) -> None:
        per_epoch = log.steps_per_epoch
        self.loss.plot(
            [step / per_epoch for step, _ in log.losses],
            [loss for _, loss in log.losses],
            pen=self._pen(_LOSS, 1),
        )
        if log.steps:
            self.quality.setXRange(0, log.steps / per_epoch, padding=0.03)

    def _draw_set(self, log: RunLog | None, key: str, colour: str) -> None:
        figures = self._study.figures if self._study is not None else {}
        if log is not None and key.startswith("forget_") and log.order.members:
            figures = {}  # they are of other subjects
        places = []
        if log is not None:
            measured = [each for each in log.epochs if key in each.metrics]
            places = [(log.place(each.epoch), each.metrics[key]) for each in measured]
        original = figures.get("original", {}).get(key)
        oracle = figures.get("oracle", {}).get(key)
        if original is not None and not any(place == 0 for place, _ in places):
            places.insert(0, (0.0, original))
        for level, style in (
            (oracle, Qt.PenStyle.DashLine),
            (original, Qt.PenStyle.DotLine),
        ):
            if level is not None:
                self.quality.addLine(y=level, pen=self._pen(colour, 1, style))
        self.quality.plot(
            [place for place, _ in places],
            [value for _, value in places],
            pen=self._pen(colour, 2),
            symbol="o",
            symbolSize=5,
            symbolBrush=colour,
            symbolPen=None,
        )
        levels = [value for _, value in places]
        levels += [level for level in (oracle, original) if level is not None]
        if levels:
            self._lowest = min(self._lowest, *levels)
            self._highest = max(self._highest, *levels)
            self.quality.setYRange(self._lowest, self._highest, padding=0.08)

    def _draw_cursor(self) -> None:
        if self._cursor_at is not None:
            for plot in (self.quality, self.loss):
                plot.addLine(x=self._cursor_at, pen=self._pen("#FFFFFF", 1))

    def _write_legend(self, names: list[str]) -> None:
        sets = " ".join(
            f'<span style="color:{colour}">● {name.replace("_", " ")}</span>'
            for name, colour in zip(names, COLOURS, strict=False)
        )
        self.legend.setText(f"{sets} – – oracle ··· original")

    def _test_sets(self, kind: str) -> list[str]:
        metrics = [each.metrics for each in self._log.epochs] if self._log is not None else []
        if self._study is not None:
            metrics += [dict(figures) for figures in self._study.figures.values()]
        self._lowest, self._highest = float("inf"), float("-inf")
        found = {key.removesuffix(f"_{kind}") for each in metrics for key in each}
        return sorted(name for name in found if any(f"{name}_{kind}" in each for each in metrics))

    def prepare(self) -> None:
        """Import pyqtgraph with the binding that napari uses, and make the two plots.

        It takes a while, so it is better done before a run than when one starts.
        """
        if self._canvas is not None:
            return
        os.environ.setdefault("PYQTGRAPH_QT_LIB", qtpy.API_NAME)
        import pyqtgraph

        self._pg = pyqtgraph
        self._canvas = pyqtgraph.GraphicsLayoutWidget()
        self._canvas.setBackground(_BACKGROUND)
        self._canvas.setFixedHeight(230)
        self.quality = self._canvas.addPlot(row=0, col=0)
        self.loss = self._canvas.addPlot(row=1, col=0)
        self.loss.setLabel("left", "Loss")
        self.loss.setLabel("bottom", "Epoch")
        self.loss.setXLink(self.quality)
        for plot, stretch in ((self.quality, 3), (self.loss, 2)):
            plot.getAxis("left").setWidth(46)
            plot.getAxis("left").enableAutoSIPrefix(False)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.showGrid(x=True, y=True, alpha=0.12)
            self._canvas.ci.layout.setRowStretchFactor(0 if plot is self.quality else 1, stretch)
        self.quality.getAxis("bottom").setStyle(showValues=False)
        self._column.addWidget(self._canvas)

    def _pen(self, colour: str, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> object:
        return self._pg.mkPen(colour, width=width, style=style)
