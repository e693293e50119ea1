"""Which run and which set stands for what in the tables of the paper.

Xue et al., Erase to Enhance: Data-Efficient Machine Unlearning in MRI Reconstruction,
MIDL 2024. A run of a sweep over the retain fraction is named STRATEGY@FRACTION, such as
"nl-ft@0.05" for 5 % of the retain set; every other name is a run of its own.
"""

import re
from collections.abc import Iterable, Sequence

from napari_unlearn.evaluation.table import RunResult

LABELS = {
    "original": "G (original)",
    "oracle": "Ĝ (oracle)",
    "ft": "FT",
    "full-ft": "Full FT",
    "ga": "GA",
    "ga-l1": "GA-ℓ1",
    "nl": "NL",
    "ga-l1-ft": "GA-ℓ1-FT",
    "nl-ft": "NL-FT",
}
"""The paper's rows in the paper's order; other runs follow under their own names."""

SETS = {"BTA": "retain_test", "KTA": "forget_test", "UA": "forget"}
"""The paper's accuracies by set: brain test D_rt, knee test D_ft, the forget set D_f itself."""

_SWEPT = re.compile(r"(?P<strategy>[^@]+)@(?P<fraction>\d*\.?\d+)")


def label(name: str) -> str:
    """The paper's name of a run, else its own."""
    return LABELS.get(name, name)


def fraction_of(name: str) -> tuple[str, float] | None:
    """Strategy and retain fraction of a sweep's run; None for another run."""
    found = _SWEPT.fullmatch(name)
    if found is None or not 0 < float(found["fraction"]) <= 1:
        return None
    return found["strategy"], float(found["fraction"])


def in_order(names: Iterable[str]) -> list[str]:
    """The paper's runs in the paper's order, then the others as they come."""
    place = {name: number for number, name in enumerate(LABELS)}
    return sorted(names, key=lambda name: place.get(name, len(place)))


def single_runs(results: Sequence[RunResult]) -> list[RunResult]:
    """All but those of a sweep, in order."""
    plain = {result.name: result for result in results if fraction_of(result.name) is None}
    return [plain[name] for name in in_order(plain)]


def swept_runs(
    results: Sequence[RunResult], default_fraction: float | None = None
) -> dict[str, dict[float, RunResult]]:
    """Runs by strategy and retain fraction, in order; only strategies that were swept.

    Args:
        results: of an evaluation.
        default_fraction: of a swept strategy's run without a fraction in its name; None
            leaves it out.
    """
    found: dict[str, dict[float, RunResult]] = {}
    for result in results:
        swept = fraction_of(result.name)
        if swept is not None:
            found.setdefault(swept[0], {})[swept[1]] = result
    for result in results:
        if default_fraction is not None and result.name in found:
            found[result.name].setdefault(default_fraction, result)
        if result.name == "full-ft" and "ft" in found:  # the same loss on all of the retain set
            found["ft"].setdefault(1.0, result)
    return {name: dict(sorted(found[name].items())) for name in in_order(found)}


def find_oracle(results: Sequence[RunResult]) -> RunResult | None:
    """The run that the others are measured against."""
    return next((result for result in results if result.name == "oracle"), None)


def paper_sets(results: Sequence[RunResult]) -> dict[str, str]:
    """Sets of these results by the paper's accuracies.

    Where there is no "forget_test", the first other held-out set stands for it: the
    contaminated-site protocol asks on clean scans of the contaminated site.
    """
    there = list(dict.fromkeys(name for result in results for name in result.sets))
    others = [name for name in there if name not in (*SETS.values(), "retain")]
    if SETS["KTA"] in there or not others:
        return dict(SETS)
    return {**SETS, "KTA": others[0]}
