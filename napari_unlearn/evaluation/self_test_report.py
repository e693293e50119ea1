"""What a self-test found: tables to read, JSON to keep."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from napari_unlearn.evaluation.detection import ModeScore, Rates, score, sensitivities
from napari_unlearn.evaluation.grid import Cell, Column, Grid, Row
from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.evaluation.numbers import finite
from napari_unlearn.evaluation.self_test import SelfTestResult

TOLERATED = 0.01
"""Share of clean slices that a default may highlight."""


@dataclass(frozen=True)
class Found:
    """Which share of the structures of one size and contrast a mode found."""

    mode: str
    diameter: float
    """[mm]"""
    contrast: float
    """Either sign, fraction of the maximum."""
    sensitivity: float


@dataclass(frozen=True)
class SelfTestReport:
    """Everything, ready to be written down."""

    command: str
    """That repeats it."""
    about: Mapping[str, str | float]
    """Data, models and settings, in words and numbers."""
    scores: tuple[ModeScore, ...]
    found: tuple[Found, ...]

    @classmethod
    def of(
        cls, result: SelfTestResult, command: str, about: Mapping[str, str | float]
    ) -> "SelfTestReport":
        """Sum up what every mode said."""
        counts = {"slices": result.slices, "structures": result.structures, "lambda": result.lam}
        found = tuple(
            Found(record.mode, diameter, contrast, share)
            for record in result.records
            for (diameter, contrast), share in sensitivities(record).items()
        )
        return cls(command, {**about, **counts}, tuple(map(score, result.records)), found)

    @property
    def best(self) -> str:
        """The mode with the largest area under the curve of places; the first of equals.

        Disagreement does not compete: the second model is free of what was planted into the
        first, as no second model is of a contamination that both have learnt.
        """
        rivals = [each for each in self.scores if not MODES[each.mode].uses_other]
        return max(rivals or self.scores, key=lambda each: each.auroc).mode

    def json(self) -> str:
        """Everything; what could not be measured is null."""
        content = {**asdict(self), "best": self.best}
        return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"

    @classmethod
    def read(cls, text: str) -> "SelfTestReport":
        """Read what `json` wrote."""
        content = json.loads(text)
        scores = tuple(_score(each) for each in content["scores"])
        found = tuple(Found(**each) for each in content["found"])
        return cls(content["command"], content["about"], scores, found)

    def grid(self) -> Grid:
        """One line per mode."""
        columns = (
            Column("auroc", "AUROC, places", 3),
            Column("auroc_plain", "plain", 3),
            Column("auroc_consistent", "consistent", 3),
            Column("auroc_invented", "invented", 3),
            Column("auroc_lost", "lost", 3),
            Column("auroc_pixels", "AUROC, pixels", 3),
            Column("sensitivity", "sensitivity"),
            Column("specificity", "specificity"),
            Column("pixel_sensitivity", "sensitivity, pixels"),
            Column("pixel_specificity", "specificity, pixels", 3),
            Column("false_alarms", "false alarms [% of the slice]"),
            Column("false_alarms_body", "[% of the body]"),
        )
        rows = tuple(Row((each.mode,), _cells(each)) for each in self.scores)
        return Grid("Maps on planted structures", ("map",), columns, rows)

    def rules(self) -> Grid:
        """Other thresholds than the oracle's: sensitivity and specificity of places."""
        columns = (
            Column("sensitivity", "Bhadra: sensitivity"),
            Column("specificity", "specificity"),
            Column("own_sensitivity", "authors' threshold: sensitivity"),
            Column("own_specificity", "specificity"),
        )
        rows = []
        for each in self.scores:
            cells = {
                "sensitivity": _cell(each.bhadra.sensitivity),
                "specificity": _cell(each.bhadra.specificity),
            }
            if each.own is not None:
                cells["own_sensitivity"] = _cell(each.own.sensitivity)
                cells["own_specificity"] = _cell(each.own.specificity)
            rows.append(Row((each.mode,), cells))
        return Grid("Other thresholds", ("map",), columns, tuple(rows))

    def by_size(self, mode: str) -> Grid:
        """Sensitivity of one mode by diameter (lines) and contrast (columns)."""
        own = [each for each in self.found if each.mode == mode]
        contrasts = sorted({each.contrast for each in own})
        columns = tuple(Column(f"{c:g}", f"contrast {100 * c:.0f} %") for c in contrasts)
        rows = tuple(
            Row(
                (f"{diameter:g} mm",),
                {f"{e.contrast:g}": _cell(e.sensitivity) for e in own if e.diameter == diameter},
            )
            for diameter in sorted({each.diameter for each in own})
        )
        return Grid(f"Sensitivity of {mode}", ("diameter",), columns, rows)

    def text(self) -> str:
        """The tables, one below the other."""
        about = ", ".join(f"{name} {_plain(value)}" for name, value in self.about.items())
        tables = (self.grid(), self.rules(), self.by_size(self.best))
        parts = (about, *(f"{table.title}\n\n{table.markdown()}" for table in tables))
        passing = [each.mode for each in self._passing()]
        last = (
            f"Best without a second model: {self.best}. "
            f"At most 1 % false alarms: {', '.join(passing) or 'none'}."
        )
        return "\n\n".join((*parts, last))

    def _passing(self) -> Iterable[ModeScore]:
        return (each for each in self.scores if each.false_alarms <= TOLERATED)


def _cells(score: ModeScore) -> dict[str, Cell | None]:
    areas = ("auroc", "auroc_plain", "auroc_consistent", "auroc_invented", "auroc_lost")
    return {
        **{name: _cell(getattr(score, name)) for name in (*areas, "auroc_pixels")},
        "sensitivity": _cell(score.oracle.sensitivity),
        "specificity": _cell(score.oracle.specificity),
        "pixel_sensitivity": _cell(score.pixels.sensitivity),
        "pixel_specificity": _cell(score.pixels.specificity),
        "false_alarms": _cell(100 * score.false_alarms),
        "false_alarms_body": _cell(100 * score.false_alarms_body),
    }


def _cell(value: float) -> Cell | None:
    return Cell(value) if math.isfinite(value) else None


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _score(content: Mapping[str, object]) -> ModeScore:
    fields = {name: math.nan if value is None else value for name, value in content.items()}
    rates = ("oracle", "pixels", "bhadra", "own")
    return ModeScore(**{**fields, **{name: _rates(content[name]) for name in rates}})  # type: ignore[arg-type]


def _rates(content: object) -> Rates | None:
    if not isinstance(content, Mapping):
        return None
    return Rates(**{name: math.nan if value is None else value for name, value in content.items()})
