"""Which questions are put to which run."""

from collections.abc import Mapping
from dataclasses import replace

from napari_unlearn.audit.options import Options
from napari_unlearn.audit.result import RunAudit
from napari_unlearn.audit.subjects import ORACLE, ORIGINAL
from napari_unlearn.audit.verdict import (
    DRAWN_OUT,
    IN_TRAINING,
    SHADOWS,
    Verdict,
    alike,
    destroyed,
    equal,
    fair,
    known,
    removed,
    undamaged,
)
from napari_unlearn.evaluation.statistics import Estimate


def judged(
    runs: Mapping[str, RunAudit], options: Options, no_relearning: str = ""
) -> tuple[RunAudit, ...]:
    """Every run with its verdicts.

    Args:
        runs: by name.
        options: what was asked for.
        no_relearning: why there was no relearn attack; empty if there was one.
    """
    oracle = runs.get(ORACLE)
    return tuple(
        replace(run, verdicts=_verdicts(run, oracle, options, no_relearning))
        for run in runs.values()
    )


def _verdicts(
    run: RunAudit, oracle: RunAudit | None, options: Options, no_relearning: str
) -> tuple[Verdict, ...]:
    if run.name == ORIGINAL:
        return (known(run.auc_gap, run.auc),)
    if run.name == ORACLE:
        return (fair(run.auc),)
    margin, broken = options.margin, destroyed(run.damage)
    peer_auc = None if oracle is None else oracle.auc
    found = [
        equal(IN_TRAINING, run.auc, peer_auc, run.auc_gap, margin, broken),
        undamaged(run.auc, run.auc_gap, run.damage, margin),
        alike(run.ks),
    ]
    if options.relearn is not None:
        peer = None if oracle is None else oracle.relearned
        missing = no_relearning
        if broken:
            missing = "Of a destroyed model relearning says nothing."
        attacked = None if broken else run.relearned
        found.append(removed(attacked, peer, run.relearn_ratio, missing))
    for claim, own, gap in (
        (SHADOWS, run.lira, run.lira_gap),
        (DRAWN_OUT, run.inversion, run.inversion_gap),
    ):
        if own is not None:
            found.append(equal(claim, own, _oracles(own, gap), gap, margin, broken))
    return tuple(found)


def _oracles(own: Estimate, gap: Estimate | None) -> Estimate | None:
    """The oracle's AUC under the same attack, without an interval of its own."""
    if gap is None:
        return None
    return Estimate(own.value - gap.value, None, None, own.patients, own.slices)
