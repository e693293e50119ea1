"""The tables of "Erase to Enhance", with the distance from the oracle beside its columns.

Table 1 compares the strategies, table 2 follows them over the epochs, table 3 over the
share of the retain set. Figures that were not measured are blank cells.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.atomic import write_whole
from napari_unlearn.evaluation.grid import Cell, Column, Grid, Row
from napari_unlearn.evaluation.nearness import relearning
from napari_unlearn.evaluation.paper_runs import (
    find_oracle,
    fraction_of,
    in_order,
    label,
    paper_sets,
    single_runs,
    swept_runs,
)
from napari_unlearn.evaluation.statistics import (
    Bootstrap,
    cost,
    mean_estimate,
    oracle_gap,
    tug_of_war,
)
from napari_unlearn.evaluation.table import RunResult
from napari_unlearn.unlearning.events import EpochEnd

QUANTITIES = (("psnr", "PSNR [dB]", 2), ("ssim", "SSIM", 3))

History = Mapping[str, Sequence[EpochEnd]]
"""The ends of the epochs by run, as `read_history` reads them."""


def table_1(results: Sequence[RunResult], bootstrap: Bootstrap | None = None) -> Grid:
    """One row per run: the paper's accuracies, then how far each is from the oracle.

    Accuracies are mean ± sd over slices; gaps and agreement stand with their 95 % interval
    over patients (`oracle_gap`, `mean_estimate`). ToW and the sums are over those of the
    three sets that the oracle was measured on; the heads name them.
    """
    sets, oracle = paper_sets(results), find_oracle(results)
    measured = {k: name for k, name in sets.items() if oracle is not None and name in oracle.sets}
    rows = []
    for result in single_runs(results):
        spent = cost(result, oracle)
        cells: dict[str, Cell | None] = {
            f"{key}_{quantity}": Cell.spread(result.values(name, quantity))
            for key, name in sets.items()
            for quantity, _, _ in QUANTITIES
        }
        cells["rte"] = Cell.of(spent.seconds)
        cells |= relearning(result, oracle)
        if oracle is not None and result is not oracle:
            cells |= _against(result, oracle, measured, bootstrap)
        cells["oracle_steps"] = _percent(spent.oracle_steps)
        cells["oracle_seconds"] = _percent(spent.oracle_seconds)
        rows.append(Row((label(result.name),), cells))
    columns = _table_1_columns(sets, "+".join(measured))
    return Grid("Table 1: strategies", ("run",), columns, tuple(rows))


def _table_1_columns(sets: Mapping[str, str], measured: str) -> tuple[Column, ...]:
    columns = [
        Column(f"{key}_{quantity}", f"{key} ({name}) {title}", digits)
        for key, name in sets.items()
        for quantity, title, digits in QUANTITIES
    ]
    columns.append(Column("rte", "RTE [s]", 0))
    for quantity, title, digits in QUANTITIES:
        columns += [Column(f"gap_{key}_{quantity}", f"{key} gap, {title}", digits) for key in sets]
        columns.append(Column(f"gap_sum_{quantity}", f"sum ({measured}) of gaps, {title}", digits))
    columns.append(Column("tow", f"ToW ({measured})", 3))
    columns += [Column(f"agreement_{key}", f"{key} ~oracle [dB]") for key in sets]
    columns.append(Column("relearn", "steps to relearn", 1))
    columns.append(Column("relearn_ratio", "relearning [oracle = 1]"))
    columns.append(Column("oracle_steps", "steps [% of the oracle's]", 1))
    columns.append(Column("oracle_seconds", "time [% of the oracle's]", 1))
    return tuple(columns)


def _against(
    result: RunResult, oracle: RunResult, measured: Mapping[str, str], bootstrap: Bootstrap | None
) -> dict[str, Cell | None]:
    """Distance from the oracle on each set that it was measured on, and on all of them."""
    names = list(measured.values())
    cells: dict[str, Cell | None] = {"tow": Cell.of(tug_of_war(result, oracle, names))}
    for quantity, _, _ in QUANTITIES:
        for key, name in measured.items():
            gap = oracle_gap(result, oracle, [name], quantity, bootstrap)
            cells[f"gap_{key}_{quantity}"] = Cell.of(gap)
        whole = oracle_gap(result, oracle, names, quantity, bootstrap)
        cells[f"gap_sum_{quantity}"] = Cell.of(whole)
    for key, name in measured.items():
        cells[f"agreement_{key}"] = Cell.of(mean_estimate(result, name, "agreement", bootstrap))
    return cells


def _percent(share: float | None) -> Cell | None:
    return None if share is None else Cell(100 * share)


def table_2(histories: History, results: Sequence[RunResult] = ()) -> Grid:
    """How the unlearning went: means after each epoch, epoch 0 being the original's.

    Args:
        histories: by run; original, oracle and the runs of a sweep are left out.
        results: of the same experiment, for the original's figures and the sets' names.
    """
    kept = {
        name: {end.epoch: end.metrics for end in ends}
        for name, ends in histories.items()
        if ends and name not in ("original", "oracle") and fraction_of(name) is None
    }
    original = next((result for result in results if result.name == "original"), None)
    last = max((max(ends) for ends in kept.values()), default=0)
    rows = []
    for name in in_order(kept):
        for key, set_name in paper_sets(results).items():
            for quantity, title, digits in QUANTITIES:
                cells = {
                    str(epoch): Cell.of(metrics.get(f"{set_name}_{quantity}"))
                    for epoch, metrics in kept[name].items()
                }
                if not any(cells.values()):
                    continue
                if original is not None:
                    cells["0"] = _mean(original.values(set_name, quantity))
                rows.append(Row((label(name), f"{key} ({set_name}) {title}"), cells, digits))
    columns = tuple(Column(str(epoch), f"epoch {epoch}") for epoch in range(last + 1))
    return Grid("Table 2: epochs of unlearning", ("run", "figure"), columns, tuple(rows))


def _mean(values: NDArray[np.float64]) -> Cell | None:
    return Cell(float(values.mean())) if values.size else None


def table_3(
    results: Sequence[RunResult],
    default_fraction: float | None = None,
    bootstrap: Bootstrap | None = None,
) -> Grid:
    """Every strategy that was swept, over the share of the retain set that it saw.

    Arguments as in `swept_runs` and `oracle_gap`.
    """
    swept, sets = swept_runs(results, default_fraction), paper_sets(results)
    oracle = find_oracle(results)
    measured = [name for name in sets.values() if oracle is not None and name in oracle.sets]
    rows = []
    for name, runs in swept.items():
        lines: list[tuple[str, int, dict[float, Cell | None]]] = [
            (
                f"{key} ({set_name}) {title}",
                digits,
                {f: Cell.spread(run.values(set_name, quantity)) for f, run in runs.items()},
            )
            for key, set_name in sets.items()
            for quantity, title, digits in QUANTITIES
        ]
        if oracle is not None and measured:
            for quantity, title, digits in QUANTITIES:
                gaps = {
                    f: Cell.of(oracle_gap(run, oracle, measured, quantity, bootstrap))
                    for f, run in runs.items()
                }
                lines.append((f"sum of gaps, {title}", digits, gaps))
        lines.append(("RTE [s]", 0, {f: Cell.of(cost(run).seconds) for f, run in runs.items()}))
        for head, digits, cells in lines:
            if any(cells.values()):
                named = {_key(fraction): cell for fraction, cell in cells.items()}
                rows.append(Row((label(name), head), named, digits))
    fractions = sorted({fraction for runs in swept.values() for fraction in runs})
    columns = tuple(Column(_key(fraction), f"{100 * fraction:g} %") for fraction in fractions)
    return Grid("Table 3: share of the retain set", ("run", "figure"), columns, tuple(rows))


def _key(fraction: float) -> str:
    return f"{fraction:g}"


def paper_markdown(
    results: Sequence[RunResult], histories: History, default_fraction: float | None = None
) -> str:
    """Tables 1 to 3 to read; table 1 in blocks, its own columns first and then ours."""
    first = table_1(results)
    keys = [column.key for column in first.columns]
    filled = {key for row in first.rows for key, cell in row.cells.items() if cell is not None}
    own = [key for key in keys if key.startswith(("BTA", "KTA", "UA"))]
    gaps = [key for key in keys if key.startswith("gap") and key in filled]
    rest = [key for key in keys if key in filled and key not in (*own, *gaps, "rte")]
    blocks = [(first.title, first.markdown([*own, "rte"]))]
    if gaps:
        blocks.append(("Distance from the oracle [95 % interval]", first.markdown(gaps)))
    if rest:
        blocks.append(("Agreement with the oracle, relearning, cost", first.markdown(rest)))
    for grid in (table_2(histories, results), table_3(results, default_fraction)):
        if grid.rows:
            blocks.append((grid.title, grid.markdown()))
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in blocks) + "\n"


def write_paper_tables(
    folder: Path,
    name: str,
    results: Sequence[RunResult],
    histories: History,
    *,
    default_fraction: float | None = None,
    command: str = "",
) -> list[Path]:
    """Write tables.md and tables.json.

    Args:
        folder: made if need be.
        name: of the experiment.
        results: one per run.
        histories: by run, for table 2.
        default_fraction: retain fraction of runs without one in their name, for table 3.
        command: that makes these figures again.

    Raises:
        UnlearnError: if they cannot be written.
    """
    grids = {
        "1": table_1(results),
        "2": table_2(histories, results),
        "3": table_3(results, default_fraction),
    }
    content = {
        "experiment": name,
        "command": command,
        "tables": {number: grid.content() for number, grid in grids.items()},
    }
    text = paper_markdown(results, histories, default_fraction)
    head = f"## {name}\n\n" + (f"`{command}`\n\n" if command else "")
    written = [folder / "tables.md", folder / "tables.json"]
    write_whole(written[0], (head + text).encode())
    write_whole(written[1], (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    return written
