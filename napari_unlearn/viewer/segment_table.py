"""Dice and volume per structure: a row per structure, a column per model."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QHeaderView, QWidget

from napari_unlearn.atomic import write_whole
from napari_unlearn.mri.subject3d import structure_name
from napari_unlearn.viewer.segment_colours import structure_colour
from napari_unlearn.viewer.segment_result import (
    Labelled,
    LabelledArm,
    StructureFigures,
    mean,
    short_name,
)
from napari_unlearn.viewer.tables import Table

Value = Callable[[Labelled, LabelledArm, int], float | None]


@dataclass(frozen=True)
class Figure:
    """Something that is known of every structure and model."""

    title: str
    """In the chooser, with its unit."""
    help: str
    value: Value
    digits: int
    signed: bool = False
    total: bool = False
    """The last row is the sum over structures rather than their mean."""


def _of(arm: LabelledArm, label: int) -> StructureFigures:
    return arm.figures.get(label, StructureFigures(0.0))


def _change(labelled: Labelled, arm: LabelledArm, label: int) -> float | None:
    oracle = labelled.oracle
    if oracle is None or arm is oracle:
        return None
    return _of(arm, label).volume - _of(oracle, label).volume


FIGURES = (
    Figure(
        "Dice",
        "Overlap with the ground truth, 1 if equal",
        lambda _, arm, label: _of(arm, label).dice,
        2,
    ),
    Figure(
        "Volume [ml]",
        "As labelled",
        lambda _, arm, label: _of(arm, label).volume,
        1,
        total=True,
    ),
    Figure(
        "Volume − oracle's [ml]",
        "How much more, or less, than the oracle labels",
        _change,
        1,
        signed=True,
        total=True,
    ),
    Figure(
        "Dice with the oracle",
        "Overlap with the oracle's labels, 1 if equal",
        lambda _, arm, label: None if arm.role == "oracle" else _of(arm, label).oracle_dice,
        2,
    ),
    Figure(
        "HD95 [mm]",
        "95th percentile of the distance to the ground truth's surface",
        lambda _, arm, label: _of(arm, label).hd95,
        1,
    ),
)

AGREEMENT = "like oracle"
"""Row: voxels equal to the oracle's, of those that either calls a structure."""


_NARROW = (
    "QTableWidget, QHeaderView::section { font-size: 11px; } "
    "QHeaderView::section { padding: 1px 2px; }"
)


class SegmentTable(Table):
    """Shows one figure at a time; a click on a structure asks to see it alone."""

    chosen = Signal(object)
    """A label, or None for all structures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(("Structure",), parent)
        self.figure = FIGURES[0]
        self._labelled: Labelled | None = None
        self._labels: tuple[int, ...] = ()
        self.only: int | None = None
        self.setStyleSheet(_NARROW)
        self.cellClicked.connect(self._on_clicked)

    def show_labelled(self, labelled: Labelled | None) -> None:
        """Show the figures of another result."""
        self._labelled = labelled
        known = () if labelled is None else labelled.structures
        if self.only is not None and self.only not in known:
            self.only = None
            self.chosen.emit(None)
        self._labels = known
        self._write()

    def show_figure(self, figure: Figure) -> None:
        """Show another figure."""
        self.figure = figure
        self._write()

    def show_all(self) -> None:
        """Let all structures be seen again."""
        self.only = None
        self.clearSelection()
        self.chosen.emit(None)

    def _write(self) -> None:
        labelled, figure = self._labelled, self.figure
        if labelled is None or not self._labels:
            self.setRowCount(0)
            return
        columns = [
            arm
            for arm in labelled.columns
            if any(figure.value(labelled, arm, label) is not None for label in self._labels)
        ]
        self.setColumnCount(1 + len(columns))
        names = ["Truth" if arm.role is None else arm.name for arm in columns]
        self.setHorizontalHeaderLabels(["Structure", *names])
        header = self.horizontalHeader()
        for place in range(1 + len(columns)):  # names stay whole; many models scroll sideways
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        likes = [None if arm is labelled.oracle else arm.like_oracle for arm in columns]
        agreement = any(like is not None for like in likes)
        self.setRowCount(len(self._labels) + 1 + agreement)
        for row, label in enumerate(self._labels):
            self.put(row, 0, short_name(label))
            item = self.item(row, 0)
            item.setIcon(_swatch(structure_colour(label)))
            item.setToolTip(f"{structure_name(label)}: a click shows it alone, where most of it is")
            for place, arm in enumerate(columns, start=1):
                self.put(row, place, _text(figure.value(labelled, arm, label), figure))
                self.item(row, place).setToolTip(_everything(labelled, arm, label))
        if self.only is not None:
            self.selectRow(self._labels.index(self.only))
        last = len(self._labels)
        self.put(last, 0, "total" if figure.total else "mean")
        for place, arm in enumerate(columns, start=1):
            values = [figure.value(labelled, arm, label) for label in self._labels]
            self.put(last, place, _text(_summary(values, figure), figure))
        if agreement:
            self.put(last + 1, 0, AGREEMENT)
            self.item(last + 1, 0).setToolTip(
                "Voxels labelled like the oracle's, among those that either calls a structure"
            )
            for place, like in enumerate(likes, start=1):
                self.put(last + 1, place, "" if like is None else f"{100 * like:.0f} %")

    def _on_clicked(self, row: int, _column: int) -> None:
        if row >= len(self._labels):
            return
        label = self._labels[row]
        if label == self.only:
            self.show_all()
        else:
            self.only = label
            self.chosen.emit(label)


def as_csv(labelled: Labelled) -> str:
    """Every figure of every structure and model: a row per structure and model."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    titles = [figure.title.replace("−", "-") for figure in FIGURES]
    writer.writerow(["Subject", "Label", "Structure", "Model", "Role", *titles, "Checkpoint"])
    for label in labelled.structures:
        for arm in labelled.columns:
            values = [figure.value(labelled, arm, label) for figure in FIGURES]
            cells = ["" if value is None else f"{value:.6g}" for value in values]
            role = arm.role or "truth"
            name = structure_name(label)
            subject = labelled.subject.subject
            writer.writerow([subject, label, name, arm.name, role, *cells, arm.model])
    return buffer.getvalue()


def export_table(labelled: Labelled, path: Path) -> None:
    """Write all figures as CSV."""
    write_whole(path, as_csv(labelled).encode())


def _summary(values: list[float | None], figure: Figure) -> float | None:
    average = mean(values)
    known = sum(value is not None for value in values)
    return average * known if figure.total and average is not None else average


def _text(value: float | None, figure: Figure) -> str:
    if value is None:
        return ""
    rounded = round(value, figure.digits) + 0.0  # no minus before a zero
    return f"{rounded:{'+' if figure.signed else ''}.{figure.digits}f}".replace("-", "−")


def _everything(labelled: Labelled, arm: LabelledArm, label: int) -> str:
    known = [
        f"{figure.title}: {text}"
        for figure in FIGURES
        if (text := _text(figure.value(labelled, arm, label), figure))
    ]
    return "\n".join([f"{arm.name}, {structure_name(label)}", *known])


def _swatch(colour: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(colour))
    return QIcon(picture)
