"""What was found: legend, figures, the map, its threshold, regions to jump to."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.hallucination import find_mode
from napari_unlearn.evaluation.highlights import BY_HAND
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.map_choice import threshold_top, threshold_words
from napari_unlearn.viewer.map_panel import MapPanel
from napari_unlearn.viewer.marks import legend
from napari_unlearn.viewer.session import Session
from napari_unlearn.viewer.tables import MetricsTable, RegionsTable

if TYPE_CHECKING:
    import napari

_STEPS = 1000  # of the slider, over thresholds from 0 to the top


class Findings(QWidget):
    """Shows the comparison of a session."""

    def __init__(
        self, session: Session, viewer: "napari.Viewer", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._viewer = session, viewer
        self.outlines = QCheckBox("outlines")
        self.outlines.setChecked(True)
        self.whole = QPushButton("Whole image")
        self.by_slice = QCheckBox("this slice")
        self.metrics = MetricsTable()
        self.metrics.setMinimumHeight(70)  # less room than all rows need is scrolled, not covered
        self.metrics.setMaximumHeight(134)
        self.copy = QPushButton("Copy")
        self.export = QPushButton("CSV…")
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(1, _STEPS)
        self.threshold.setEnabled(False)
        self.threshold_text = QLabel("Threshold")
        self.threshold_text.setWordWrap(True)
        self._top = threshold_top(0.0)
        self.maps: MapPanel = MapPanel(session)
        self.regions = RegionsTable()
        self.regions.setMinimumHeight(70)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(30)  # merges the many values of a drag into one redraw
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.metrics)
        column.addLayout(layout.row(self.by_slice, self.outlines, self.copy, self.export))
        column.addWidget(QLabel(legend()))
        column.addWidget(self.maps)
        column.addLayout(layout.row(self.threshold_text, self.maps.rule))
        column.addWidget(self.threshold)
        column.addWidget(self.regions, stretch=1)
        column.addWidget(self.whole)
        self.by_slice.toggled.connect(self._show_metrics)
        self.copy.clicked.connect(self._on_copy)
        self.export.clicked.connect(self._on_export)
        self.threshold.valueChanged.connect(self._on_slider)
        self._later.timeout.connect(self._on_threshold)
        self.outlines.toggled.connect(session.tiles.set_outlines_visible)
        self.whole.clicked.connect(session.tiles.fit)
        self.regions.chosen.connect(session.focus)
        session.compared.connect(self._show_comparison)
        session.changed.connect(self._on_changed)
        viewer.dims.events.current_step.connect(self._show_metrics)
        if session.comparison is not None:
            self._show_comparison(session.comparison)

    def _show_comparison(self, comparison: Comparison) -> None:
        self._show_metrics()
        self.regions.show_comparison(comparison)
        marked = math.isfinite(comparison.threshold)
        self.threshold.setEnabled(marked)
        if not marked:
            return
        if comparison.threshold_from != BY_HAND:
            self._top = threshold_top(comparison.threshold)
        asked = self._later.isActive() or self._session.wanted_threshold is not None
        if not asked and not self.threshold.isSliderDown():
            self.threshold.blockSignals(True)
            self.threshold.setValue(round(comparison.threshold / self._top * _STEPS))
            self.threshold.blockSignals(False)
            self.threshold_text.setText(threshold_words(comparison.mode, comparison.threshold))
        self.threshold_text.setToolTip(
            f"{find_mode(comparison.mode).unit}; {comparison.threshold_from}. Regions below "
            f"{comparison.minimal_area:.0f} mm² are left out."
        )

    def _show_metrics(self, *_: object) -> None:
        index = int(self._viewer.dims.current_step[0]) if self.by_slice.isChecked() else None
        self.metrics.show_comparison(self._session.comparison, index)

    def _on_changed(self) -> None:
        if self._session.comparison is None:
            self._show_metrics()
            self.regions.show_comparison(None)
            self.threshold.setEnabled(False)

    def _on_slider(self, value: int) -> None:
        comparison = self._session.comparison
        if comparison is not None:
            wanted = value / _STEPS * self._top
            self.threshold_text.setText(threshold_words(comparison.mode, wanted))
        self._later.start()

    def _on_threshold(self) -> None:
        self._session.set_threshold(self.threshold.value() / _STEPS * self._top)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.metrics.text())

    def _on_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export figures", "comparison.csv", "*.csv")
        if not path:
            return
        try:
            self.metrics.export(Path(path))
        except UnlearnError as error:
            self._session.said.emit(str(error))
