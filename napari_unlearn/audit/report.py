"""An audit to read: one table of figures, then the verdicts on every run."""

from collections.abc import Iterable

from napari_unlearn.audit.result import Audit, RunAudit
from napari_unlearn.audit.subjects import ORACLE
from napari_unlearn.evaluation.grid import Cell, Column, Grid, Row

COLUMNS = (
    Column("auc", "AUC", 2),
    Column("auc_gap", "AUC − oracle's", 2),
    Column("privleak", "privleak [%]", 0),
    Column("rate", "found at FPR", 2),
    Column("ks", "KS to oracle", 2),
    Column("forgotten", "loss on forget [sd]", 1),
    Column("strangers", "loss on strangers [sd]", 1),
    Column("relearn", "steps to relearn", 1),
    Column("lira", "U-LiRA AUC", 2),
    Column("inversion", "inversion AUC", 2),
)


def table(audit: Audit) -> Grid:
    """One row per run; columns that no run fills are left out.

    Brackets are 95 % intervals over people; losses are counted from the oracle's, in standard
    deviations between people.
    """
    rows = [Row((run.name,), _cells(run)) for run in audit.runs]
    filled = {key for row in rows for key, cell in row.cells.items() if cell is not None}
    columns = tuple(_titled(column, audit) for column in COLUMNS if column.key in filled)
    title = f"{audit.members} forgotten people against {audit.others} of {audit.hold_out}"
    return Grid(title, ("run",), columns, tuple(rows))


def verdicts(audit: Audit, runs: Iterable[str] | None = None) -> str:
    """What each run's figures prove, as Markdown."""
    wanted = None if runs is None else set(runs)
    blocks = []
    for run in audit.runs:
        if wanted is not None and run.name not in wanted:
            continue
        lines = [f"- {v.claim}: **{v.answer}**. {v.why}" for v in run.verdicts]
        blocks.append("\n".join([f"#### {run.name}", "", *lines]))
    return "\n\n".join(blocks)


def markdown(audit: Audit) -> str:
    """The whole audit."""
    grid = table(audit)
    blocks = [f"### {audit.experiment}: {grid.title}", grid.markdown(), verdicts(audit)]
    if not any(run.name == ORACLE for run in audit.runs):
        blocks.insert(1, "There is no oracle: most questions stay open.")
    blocks += ["\n".join(f"- {remark}" for remark in audit.remarks)] if audit.remarks else []
    return "\n\n".join(blocks)


def _titled(column: Column, audit: Audit) -> Column:
    rate = next((run.rate for run in audit.runs if run.rate is not None), None)
    if column.key != "rate" or rate is None:
        return column
    return Column("rate", f"found at {100 * rate.allowed:.0f} % FPR", column.digits)


def _cells(run: RunAudit) -> dict[str, Cell | None]:
    rate, ks, attacked = run.rate, run.ks, run.relearned
    relearn = None
    if attacked is not None:
        late = attacked.reached is None
        steps = attacked.steps[-1] if attacked.reached is None else attacked.reached
        relearn = Cell(float(steps), at_least=late or None)
    return {
        "auc": Cell.of(run.auc),
        "auc_gap": Cell.of(run.auc_gap),
        "privleak": Cell.of(run.privleak),
        "rate": None if rate is None else Cell(rate.found, low=rate.low, high=rate.high),
        "ks": None if ks is None else Cell(ks.value, low=ks.low, high=ks.high),
        "forgotten": None if run.damage is None else Cell.of(run.damage.forgotten),
        "strangers": None if run.damage is None else Cell.of(run.damage.strangers),
        "relearn": relearn,
        "lira": Cell.of(run.lira),
        "inversion": Cell.of(run.inversion),
    }
