"""The two tables of the Compare dock: figures per model, and regions to jump to."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_unlearn.evaluation.comparison import Comparison, Region
from napari_unlearn.viewer.marks import COLOURS, SYMBOLS
from napari_unlearn.viewer.rows import (
    COLUMNS,
    as_text,
    error_text,
    listed_regions,
    metric_rows,
    place_text,
    polarity_text,
)


class Table(QTableWidget):
    """Whole rows, no grid, the first column as wide as is left."""

    def __init__(self, headers: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(0, len(headers), parent)
        self.setHorizontalHeaderLabels(list(headers))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(22)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Leave to the viewer what is written on keys; arrows go through the rows."""
        if event is not None and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def put(self, row: int, column: int, text: str, colour: str | None = None) -> None:
        """Write a cell."""
        item = QTableWidgetItem(text)
        if column:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if colour:
            item.setForeground(QColor(colour))
        self.setItem(row, column, item)


class MetricsTable(Table):
    """PSNR, SSIM, NMSE and counts of regions, a row per arm."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__((*COLUMNS[:4], *SYMBOLS.values()), parent)
        for column, kind in enumerate(COLOURS, start=4):
            header = self.horizontalHeaderItem(column)
            header.setForeground(QColor(COLOURS[kind]))
            header.setToolTip(f"Regions {kind}")
        self.horizontalHeaderItem(1).setToolTip("Peak signal-to-noise ratio [dB]")
        self.horizontalHeaderItem(2).setToolTip("Structural similarity")
        self.horizontalHeaderItem(3).setToolTip("Normalised mean squared error")
        self._rows: list[tuple[str, ...]] = []

    def show_comparison(self, comparison: Comparison | None, index: int | None) -> None:
        """Show the figures of a slice, or of the volume if `index` is None."""
        self._rows = [] if comparison is None else metric_rows(comparison, index)
        self.setRowCount(len(self._rows))
        for row, cells in enumerate(self._rows):
            for column, (name, text) in enumerate(zip(COLUMNS, cells, strict=True)):
                colour = COLOURS.get(name) if text != "0" else None  # type: ignore[call-overload]
                self.put(row, column, text, colour)

    def text(self) -> str:
        """Tab-separated, as spreadsheets paste it."""
        return as_text(self._rows, "\t")

    def export(self, path: Path) -> None:
        """Write a CSV file."""
        path.write_text(as_text(self._rows, ","), encoding="utf-8")


class RegionsTable(Table):
    """Highlighted regions, the largest first; a click asks to see one."""

    chosen = Signal(object)
    """`Region`"""

    def __init__(self, parent: QWidget | None = None) -> None:
        columns = ("Region", "Model", "Slice", "mm²", "Error", "Polarity", "Place [mm]")
        super().__init__(columns, parent)
        # wider than the dock: a first column that takes what is left would be left nothing
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeaderItem(4).setToolTip(
            "Mean signed error inside, per cent of the maximum; + is too bright"
        )
        self.horizontalHeaderItem(5).setToolTip(
            "Invented structure, brighter or darker than the reference, or structure of the "
            "reference that is lost; of a removed region what it was"
        )
        self.horizontalHeaderItem(6).setToolTip(
            "Centre from the scanner's origin, to the right or left, anterior or posterior, "
            "superior or inferior; – if the scan does not say where it lies"
        )
        self._regions: list[Region] = []
        self.cellClicked.connect(self._on_clicked)

    def show_comparison(self, comparison: Comparison | None) -> None:
        """List the regions of a comparison."""
        pairs = [] if comparison is None else listed_regions(comparison)
        self._regions = [region for _, region in pairs]
        self.setRowCount(len(pairs))
        for row, (arm, region) in enumerate(pairs):
            colour = COLOURS[region.kind]
            self.put(row, 0, f"{SYMBOLS[region.kind]} {region.kind}", colour)
            self.put(row, 1, arm.name)
            self.put(row, 2, str(region.slice))
            self.put(row, 3, f"{region.area:.0f}")
            self.put(row, 4, error_text(region))
            self.put(row, 5, polarity_text(region))
            self.put(row, 6, place_text(region))

    @property
    def seen(self) -> Region | None:
        """The region last asked for."""
        row = self.currentRow()
        return self._regions[row] if 0 <= row < len(self._regions) else None

    def step(self, by: int) -> None:
        """Ask to see the region after (1) or before (-1) the last one seen, around the ends."""
        if self._regions:
            last = self.currentRow() if self.currentRow() >= 0 else min(-by, 0)
            row = (last + by) % len(self._regions)
            self.setCurrentCell(row, 0)
            self.chosen.emit(self._regions[row])

    def _on_clicked(self, row: int, _column: int) -> None:
        self.chosen.emit(self._regions[row])
