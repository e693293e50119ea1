"""What every model made of each region that was drawn by hand."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.region_metrics import DrawnRegion, RegionQuality, measure_region
from napari_unlearn.viewer.drawn_layer import COLOUR
from napari_unlearn.viewer.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("Model", "Error", "Signed", "PSNR", "SSIM", "NMSE")

CSV_COLUMNS = (
    "region",
    "slice",
    "area_mm2",
    "model",
    "mean",
    "mean_error",
    "mean_signed_error",
    "psnr_db",
    "ssim",
    "nmse",
)

_TIPS = (
    "",
    "Mean absolute error inside, per cent of the maximum",
    "Mean signed error inside, per cent of the maximum; + is too bright",
    "Peak signal-to-noise ratio inside [dB]",
    "Structural similarity, mean over the inside",
    "Normalised mean squared error inside",
)


class DrawnTable(Table):
    """A headline per region, a row per model below it; a click on either asks to see the region."""

    chosen = Signal(object)
    """`DrawnRegion`"""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(COLUMNS, parent)
        for column, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
        self._comparison: Comparison | None = None
        self._measured: dict[DrawnRegion, tuple[RegionQuality, ...]] = {}
        self._rows: list[DrawnRegion] = []
        self.cellClicked.connect(self._on_clicked)

    def show_regions(self, comparison: Comparison | None, regions: "Sequence[DrawnRegion]") -> None:
        """Measure what has not been measured yet, and list everything."""
        if not _same_pictures(comparison, self._comparison):
            self._measured = {}
        self._comparison = comparison
        measured = {region: self._measure(region) for region in regions}
        self._measured = measured
        self.clearSpans()
        self.clearContents()
        self._rows = [region for region, found in measured.items() for _ in range(1 + len(found))]
        self.setRowCount(len(self._rows))
        row = 0
        for region, found in measured.items():
            self.put(row, 0, headline(region, found), COLOUR)
            self.setSpan(row, 0, 1, len(COLUMNS))
            for below, quality in enumerate(found, start=row + 1):
                for column, text in enumerate(cells(quality)):
                    self.put(below, column, text)
            row += 1 + len(found)

    @property
    def measured(self) -> dict[DrawnRegion, tuple[RegionQuality, ...]]:
        """What is listed."""
        return self._measured

    def text(self, delimiter: str = "\t") -> str:
        """All figures, tab-separated as spreadsheets paste them, or comma-separated for a file."""
        return as_text(self._measured, delimiter)

    def _measure(self, region: DrawnRegion) -> tuple[RegionQuality, ...]:
        if self._comparison is None:
            return ()
        if region not in self._measured:
            try:
                return measure_region(self._comparison, region)
            except EvaluationError:
                return ()  # drawn beyond the last slice, or a shape that encloses nothing
        return self._measured[region]

    def _on_clicked(self, row: int, _column: int) -> None:
        self.chosen.emit(self._rows[row])


def headline(region: DrawnRegion, found: "Sequence[RegionQuality]") -> str:
    """Number, place and size of a region, e.g. "1 · slice 4 · 312 mm²"."""
    size = f"{found[0].area:.0f} mm²" if found else "no pixel of the scan inside"
    return f"{region.number} · slice {region.slice} · {size}"


def cells(quality: RegionQuality) -> tuple[str, ...]:
    """Figures of one model, as the table shows them; without a reference its mean intensity."""
    if quality.mean_error is None or quality.bias is None or quality.quality is None:
        return (f"{quality.model} (mean {100 * quality.mean:.1f} %)", *["–"] * 5)
    inside = quality.quality
    return (
        quality.model,
        f"{100 * quality.mean_error:.1f} %",
        f"{100 * quality.bias:+.1f} %",
        f"{inside.psnr:.1f}",
        "–" if inside.ssim != inside.ssim else f"{inside.ssim:.3f}",
        f"{inside.nmse:.4f}",
    )


def as_text(measured: dict[DrawnRegion, tuple[RegionQuality, ...]], delimiter: str) -> str:
    """One line per region and model, with a header; undefined figures are empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_lines(measured))
    return buffer.getvalue()


def _lines(measured: dict[DrawnRegion, tuple[RegionQuality, ...]]) -> Iterable[list[object]]:
    for region, found in measured.items():
        for each in found:
            inside = each.quality
            figures = [
                each.mean,
                each.mean_error,
                each.bias,
                None if inside is None else inside.psnr,
                None if inside is None else inside.ssim,
                None if inside is None else inside.nmse,
            ]
            shown = ["" if value is None else f"{value:.6g}" for value in figures]
            yield [region.number, region.slice, f"{each.area:.6g}", each.model, *shown]


def _same_pictures(one: Comparison | None, other: Comparison | None) -> bool:
    """Whether two comparisons differ in their outlines at most."""
    if one is None or other is None:
        return one is other
    return one.reference is other.reference and [id(arm.images) for arm in one.arms] == [
        id(arm.images) for arm in other.arms
    ]
