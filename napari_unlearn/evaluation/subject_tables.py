"""The tables of subject-level unlearning: the paper's columns, and the oracle beside them.

To Forget Is to Preserve, arXiv 2606.16180, 2026, has Dice and MAE of retain and forget subjects
and their gaps. The distance from the oracle, unseen subjects, voxel agreement, the membership
attack, cost, and every structure's Dice, surface distance and volume are ours.
"""

from collections.abc import Mapping, Sequence

from napari_unlearn.evaluation.grid import Cell, Column, Grid, Row
from napari_unlearn.evaluation.nearness import Figures, Measure, mean_over_seeds
from napari_unlearn.evaluation.overlap import StructureScore
from napari_unlearn.evaluation.subject_results import SubjectResult, find_run
from napari_unlearn.evaluation.subject_runs import in_order, unseen_set, variant_of

MEASURES = (
    Measure("retain_dice", "retain Dice", 3),
    Measure("forget_dice", "forget Dice", 3),
    Measure("unseen_dice", "unseen Dice", 3),
    Measure("dice_gap", "Dice gap", 3),
    Measure("mae_gap", "MAE gap", 4),
    Measure("retained", "retained [% of the original's]", 1, 100),
    Measure("oracle_gap", "forget Dice − oracle's", 3, 0),
    Measure("agreement", "agreement with the oracle", 3, float("inf")),
    Measure("auc", "membership AUC", 2),
    Measure("auc_gap", "AUC − oracle's", 2, 0),
    Measure("passes", "passes [% of the oracle's]", 1),
    Measure("seconds", "time [s]", 0),
)
"""Dice gap = retain Dice − forget Dice and MAE gap = forget MAE − retain MAE, as the paper has
them; agreement is the share of voxels of the forget subjects labelled as the oracle does."""

DETAILS = (
    Measure("retain_dice_sound", "retain Dice", 3),
    Measure("forget_dice_sound", "forget Dice", 3),
    Measure("unseen_dice_sound", "unseen Dice", 3),
    Measure("oracle_gap_sound", "forget Dice − oracle's", 3, 0),
    Measure("retain_mae", "retain MAE", 4),
    Measure("forget_mae", "forget MAE", 4),
    Measure("unseen_mae", "unseen MAE", 4),
)
"""Dice without lesions, which few subjects cannot teach; MAE as the gaps are made of."""

BY_KEY = {measure.key: measure for measure in (*MEASURES, *DETAILS)}

STRUCTURES = (
    ("dice", "Dice", 3),
    ("hd95", "HD95 [mm]", 1),
    ("volume", "Volume [ml]", 1),
)


def figures_of(result: SubjectResult, results: Sequence[SubjectResult]) -> dict[str, Cell | None]:
    """Every measure of one run; None where it was not measured.

    Args:
        result: the run.
        results: all runs of the same experiment, for the oracle and the original.
    """
    sets = {"retain": "retain", "forget": "forget", "unseen": unseen_set(result.sets) or ""}
    figures: dict[str, float | None] = {
        f"{place}_{quantity}": result.mean(name, quantity)
        for place, name in sets.items()
        for quantity in ("dice", "dice_sound", "mae")
    }
    oracle, original = find_run(results, "oracle"), find_run(results, "original")
    figures["dice_gap"] = _minus(figures["retain_dice"], figures["forget_dice"])
    figures["mae_gap"] = _minus(figures["forget_mae"], figures["retain_mae"])
    if original is not None:
        whole = original.mean("retain", "dice")
        figures["retained"] = _percent(figures["retain_dice"], whole)
    metrics = result.card.metrics
    figures["seconds"] = metrics.get("seconds")
    if oracle is not None:
        figures["passes"] = _percent(metrics.get("passes"), oracle.card.metrics.get("passes"))
    if oracle is not None and oracle is not result:
        for end in ("", "_sound"):
            peer = oracle.mean("forget", f"dice{end}")
            figures[f"oracle_gap{end}"] = _minus(figures[f"forget_dice{end}"], peer)
        figures["agreement"] = result.mean("forget", "agreement")
        figures["auc_gap"] = _minus(_auc(result), _auc(oracle))
    cells = {key: Cell.of(value) for key, value in figures.items()}
    return {**cells, "auc": _auc_cell(result)}


def over_seeds(seeds: Sequence[Sequence[SubjectResult]]) -> dict[str, dict[str, list[Cell | None]]]:
    """Every measure of every run, by training seed, in the order of the tables."""
    tables = [{r.name: figures_of(r, results) for r in results} for results in seeds]
    names = in_order(dict.fromkeys(name for table in tables for name in table))
    return {
        name: {key: [table.get(name, {}).get(key) for table in tables] for key in BY_KEY}
        for name in names
    }


def subject_table(figures: Figures, measures: Sequence[Measure] = MEASURES) -> Grid:
    """One row per run; mean ± sd over the training seeds if there are several.

    Columns that nobody filled are left out.
    """
    rows, filled = [], set()
    seeds = max((len(cells) for own in figures.values() for cells in own.values()), default=1)
    for run, own in figures.items():
        cells = {m.key: average(own.get(m.key, ())) for m in measures}
        count = max((sum(c is not None for c in values) for values in own.values()), default=0)
        rows.append(Row(_heads(run, count if seeds > 1 else None), cells))
        filled |= {key for key, cell in cells.items() if cell is not None}
    columns = tuple(Column(m.key, m.title, m.digits) for m in measures if m.key in filled)
    heads = ("run", "epochs", "seeds") if seeds > 1 else ("run", "epochs")
    return Grid("Subject-level unlearning", heads, columns, tuple(rows))


def average(cells: Sequence[Cell | None]) -> Cell | None:
    """Over seeds; the cell of a single seed as it is, with its interval."""
    return cells[0] if len(cells) == 1 else mean_over_seeds(cells)


def structure_table(results: Sequence[SubjectResult], set_name: str, quantity: str) -> Grid:
    """One quantity of every structure: mean over the subjects of a set, one row per run.

    Dice is over the subjects that have the structure, HD95 over those of them in which the run
    shows it, volume over all. Volumes begin with a row of the truth.

    Args:
        results: of one experiment.
        set_name: such as "forget".
        quantity: "dice", "hd95" or "volume".
    """
    title, digits = next((t, d) for key, t, d in STRUCTURES if key == quantity)
    found = {result.name: result.structures(set_name) for result in results}
    subjects = max((sum(own.set == set_name for own in r.subjects) for r in results), default=0)
    numbers = {s.name: s.label for own in found.values() for ss in own.values() for s in ss}
    names = sorted(numbers, key=numbers.__getitem__)
    rows = []
    if quantity == "volume" and found:
        truth = next(iter(found.values()))
        rows.append(Row(("Truth", ""), _means(truth, "true_volume", names, subjects)))
    rows += [
        Row(_heads(run, None), _means(found[run], quantity, names, subjects))
        for run in in_order(found)
    ]
    columns = tuple(Column(name, name, digits) for name in names)
    return Grid(f"{title}, {set_name} subjects", ("run", "epochs"), columns, tuple(rows))


def structure_tables(results: Sequence[SubjectResult], set_name: str = "forget") -> str:
    """Dice, HD95 and volume of every structure of a set's subjects, Markdown."""
    grids = [structure_table(results, set_name, quantity) for quantity, _, _ in STRUCTURES]
    return "\n\n".join(f"{grid.title}:\n\n{grid.markdown()}" for grid in grids)


def format_subjects(results: Sequence[SubjectResult]) -> str:
    """All tables of one experiment, Markdown."""
    figures = over_seeds([results])
    return "\n\n".join(
        [
            subject_table(figures).markdown(),
            f"Without lesions, and MAE:\n\n{subject_table(figures, DETAILS).markdown()}",
            structure_tables(results),
        ]
    )


def _heads(run: str, seeds: int | None) -> tuple[str, ...]:
    variant = variant_of(run)
    epochs = "" if variant.epochs is None else str(variant.epochs)
    return (variant.title, epochs) if seeds is None else (variant.title, epochs, str(seeds))


def _means(
    structures: Mapping[str, Sequence[StructureScore]],
    quantity: str,
    names: Sequence[str],
    subjects: int,
) -> dict[str, Cell | None]:
    """By structure; without a word on it a subject has none of its volume, the rest is unknown."""
    cells: dict[str, Cell | None] = {}
    for name in names:
        scores = structures.get(name, ())
        values = [v for score in scores if (v := getattr(score, quantity)) is not None]
        count = subjects if "volume" in quantity else len(values)
        cells[name] = Cell(sum(values) / count) if count else None
    return cells


def _auc(result: SubjectResult) -> float | None:
    return None if result.membership is None else result.membership.auc


def _auc_cell(result: SubjectResult) -> Cell | None:
    attack = result.membership
    if attack is None:
        return None
    low, high = attack.interval() or (None, None)
    return Cell(attack.auc, low=low, high=high)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole
