"""How near a run is to the oracle on every measure, and whether that holds over training seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unlearn.evaluation.grid import Cell, Column, Grid, Row
from napari_unlearn.evaluation.paper_runs import (
    find_oracle,
    fraction_of,
    in_order,
    label,
    paper_sets,
)
from napari_unlearn.evaluation.statistics import cost
from napari_unlearn.evaluation.table import RunResult


@dataclass(frozen=True)
class Measure:
    """A figure of a run."""

    key: str
    title: str
    digits: int
    ideal: float | None = None
    """The oracle's own value; infinite where more is nearer; None where nearness has no meaning."""

    def distance(self, value: float) -> float:
        """Smaller is nearer to the oracle."""
        if self.ideal is None:
            raise ValueError(f"{self.key} measures no nearness")
        return -value if self.ideal == float("inf") else abs(value - self.ideal)


MEASURES = (
    Measure("retain_psnr", "BTA PSNR [dB]", 2),
    Measure("retain_ssim", "BTA SSIM", 3),
    Measure("forget_psnr", "KTA PSNR [dB]", 2),
    Measure("forget_ssim", "KTA SSIM", 3),
    Measure("gap_retain_psnr", "BTA gap [dB]", 2, 0),
    Measure("gap_forget_psnr", "KTA gap [dB]", 2, 0),
    Measure("gap_psnr", "sum of PSNR gaps [dB]", 2, 0),
    Measure("gap_ssim", "sum of SSIM gaps", 3, 0),
    Measure("agreement", "~O [dB]", 2, float("inf")),
    Measure("relearn", "steps to relearn", 1),
    Measure("relearn_ratio", "relearning [oracle = 1]", 2, 1),
    Measure("oracle_steps", "steps [% of the oracle's]", 1),
    Measure("seconds", "time [s]", 0),
)
"""Gaps are |mean over the slices of a held-out set, minus the oracle's|; sums are over the paper's
BTA and KTA sets; ~O is the PSNR on the KTA set against the oracle's own output; steps include
those spent before the first one."""

CRITERIA = ("gap_psnr", "gap_ssim", "agreement", "relearn_ratio")
"""A strategy can shine on one of them by accident; on all four it is near the oracle."""

BY_KEY = {measure.key: measure for measure in MEASURES}

Figures = Mapping[str, Mapping[str, Sequence[Cell | None]]]
"""By run and measure, one per training seed; None where it was not measured."""


def nearness(result: RunResult, results: Sequence[RunResult]) -> dict[str, Cell | None]:
    """Every measure of one run; None where it was not measured, or is not finite.

    Args:
        result: the run.
        results: all runs of the same experiment, for the oracle and the names of the sets.
    """
    oracle, sets = find_oracle(results), paper_sets(results)
    cells: dict[str, Cell | None] = {}
    for place, key in (("retain", "BTA"), ("forget", "KTA")):
        for quantity in ("psnr", "ssim"):
            values = result.values(sets[key], quantity)
            cells[f"{place}_{quantity}"] = Cell(float(values.mean())) if values.size else None
    if oracle is not None and oracle is not result:
        for quantity in ("psnr", "ssim"):
            gaps = [_gap(result, oracle, sets[key], quantity) for key in ("BTA", "KTA")]
            for place, gap in zip(("retain", "forget"), gaps, strict=True):
                cells[f"gap_{place}_{quantity}"] = Cell.of(gap)
            known = [gap for gap in gaps if gap is not None]
            cells[f"gap_{quantity}"] = Cell(sum(known)) if len(known) == len(gaps) else None
        agreement = result.values(sets["KTA"], "agreement")
        cells["agreement"] = Cell(float(agreement.mean())) if agreement.size else None
    cells |= relearning(result, oracle)
    spent = cost(result, oracle)
    cells["seconds"] = Cell.of(spent.seconds)
    cells["oracle_steps"] = None if spent.oracle_steps is None else Cell(100 * spent.oracle_steps)
    return {
        key: cell if cell is not None and math.isfinite(cell.value) else None
        for key, cell in cells.items()
    }


def _gap(run: RunResult, oracle: RunResult, set_name: str, quantity: str) -> float | None:
    own, peer = run.values(set_name, quantity), oracle.values(set_name, quantity)
    return abs(float(own.mean() - peer.mean())) if own.size and peer.size else None


def relearning(result: RunResult, oracle: RunResult | None) -> dict[str, Cell | None]:
    """Steps to relearn and their ratio to the oracle's; a lower bound if the attack gave up."""
    attacked = result.relearned
    if attacked is None:
        return {}
    bound = True if attacked.reached is None else None
    steps = attacked.steps[-1] if attacked.reached is None else attacked.reached
    peer = None if oracle is None or oracle is result else oracle.relearned
    ratio = None if peer is None else attacked.ratio(peer)
    return {
        "relearn": Cell(float(steps), at_least=bound),
        "relearn_ratio": None if ratio is None else Cell(ratio, at_least=bound),
    }


def over_seeds(seeds: Sequence[Sequence[RunResult]]) -> dict[str, dict[str, list[Cell | None]]]:
    """Every measure of every run that is no part of a sweep, by training seed."""
    tables = [{r.name: nearness(r, results) for r in results} for results in seeds]
    names = in_order(dict.fromkeys(n for table in tables for n in table if not fraction_of(n)))
    return {
        name: {
            measure.key: [table.get(name, {}).get(measure.key) for table in tables]
            for measure in MEASURES
        }
        for name in names
    }


def mean_over_seeds(cells: Sequence[Cell | None]) -> Cell | None:
    """Mean ± sd (n − 1) over the seeds that were measured; a lower bound if one of them is."""
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None
    values = np.array([cell.value for cell in known])
    sd = float(values.std(ddof=1)) if len(known) > 1 else None
    bound = any(cell.at_least for cell in known) or None
    return Cell(float(values.mean()), sd, at_least=bound)


def seeds_nearer(figures: Figures, run: str, other: str, key: str) -> tuple[int, int]:
    """In how many seeds `run` is nearer to the oracle than `other`, of how many that have both."""
    measure, count, total = BY_KEY[key], 0, 0
    for own, peer in zip(figures[run][key], figures[other][key], strict=True):
        if own is None or peer is None:
            continue
        total += 1
        count += measure.distance(own.value) < measure.distance(peer.value)
    return count, total


def nearness_table(figures: Figures) -> Grid:
    """Mean ± sd over training seeds, one row per run; columns that nobody filled are left out."""
    rows, filled = [], set()
    for name, cells in figures.items():
        means = {key: mean_over_seeds(values) for key, values in cells.items()}
        seeds = max(sum(cell is not None for cell in values) for values in cells.values())
        rows.append(Row((label(name), str(seeds)), means))
        filled |= {key for key, cell in means.items() if cell is not None}
    columns = tuple(Column(m.key, m.title, m.digits) for m in MEASURES if m.key in filled)
    return Grid("Nearness to the oracle", ("run", "seeds"), columns, tuple(rows))


def comparison_table(figures: Figures, run: str, others: Sequence[str]) -> Grid:
    """In how many seeds one run is nearer to the oracle than each of the others."""
    rows = []
    for other in others:
        words = []
        for key in CRITERIA:
            count, total = seeds_nearer(figures, run, other, key)
            words.append(f"{count} of {total}" if total else "")
        rows.append(Row((label(other), *words), {}))
    heads = (f"{label(run)} nearer than", *(BY_KEY[key].title for key in CRITERIA))
    return Grid(f"Seeds in which {label(run)} is nearer to the oracle", heads, (), tuple(rows))
