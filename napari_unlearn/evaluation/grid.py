"""A table of figures that can be read (Markdown) and computed with (JSON)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Cell:
    """A figure, with a standard deviation or an interval."""

    value: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    at_least: bool | None = None
    """True where the figure is a lower bound."""

    @classmethod
    def spread(cls, values: NDArray[np.float64]) -> "Cell | None":
        """Mean and standard deviation; None if nothing was measured."""
        return cls(float(values.mean()), float(values.std())) if values.size else None

    @classmethod
    def of(cls, figure: float | Estimate | None) -> "Cell | None":
        """A figure as it is; None stays blank."""
        if isinstance(figure, Estimate):
            return cls(figure.value, low=figure.low, high=figure.high)
        return None if figure is None else cls(figure)

    def text(self, digits: int) -> str:
        """Such as "28.89 ± 1.02", "0.74 [0.52, 0.93]" or ">60"."""
        words = (">" if self.at_least else "") + f"{self.value:.{digits}f}"
        if self.sd is not None:
            words += f" ± {self.sd:.{digits}f}"
        if self.low is not None and self.high is not None:
            words += f" [{self.low:.{digits}f}, {self.high:.{digits}f}]"
        return words


@dataclass(frozen=True)
class Column:
    """What stands in a column, and how finely."""

    key: str
    title: str
    digits: int = 2


@dataclass(frozen=True)
class Row:
    """One line: words first, then figures by column; a missing figure is a blank cell."""

    labels: tuple[str, ...]
    cells: Mapping[str, Cell | None]
    digits: int | None = None
    """Overrules the columns', where a row is one quantity."""


@dataclass(frozen=True)
class Grid:
    """A whole table."""

    title: str
    heads: tuple[str, ...]
    """Of the columns of words."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def markdown(self, keys: Iterable[str] | None = None) -> str:
        """The table, or some of its columns."""
        wanted = {column.key for column in self.columns} if keys is None else set(keys)
        columns = [column for column in self.columns if column.key in wanted]
        lines = [
            [*self.heads, *(column.title for column in columns)],
            [*("---" for _ in self.heads), *("---:" for _ in columns)],
        ]
        lines += [[*row.labels, *(_text(row, column) for column in columns)] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def content(self) -> dict[str, object]:
        """Everything, ready for JSON; blank cells are left out."""
        return {
            "title": self.title,
            "columns": {column.key: column.title for column in self.columns},
            "rows": [
                {
                    **dict(zip(self.heads, row.labels, strict=True)),
                    **{key: _plain(cell) for key, cell in row.cells.items() if cell is not None},
                }
                for row in self.rows
            ],
        }


def _text(row: Row, column: Column) -> str:
    cell = row.cells.get(column.key)
    digits = column.digits if row.digits is None else row.digits
    return "" if cell is None else cell.text(digits)


def _plain(cell: Cell) -> dict[str, float]:
    # JSON knows no infinity: a perfect or a broken reconstruction shows in the Markdown only
    figures = asdict(cell).items()
    return {key: value for key, value in figures if value is not None and math.isfinite(value)}
