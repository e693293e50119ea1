"""On whom an audit is made: members, a true hold-out, and the runs that are put to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.people import People, identities, people_of
from napari_unlearn.errors import WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.finding import TRAINING
from napari_unlearn.unlearning.task import Task

ORIGINAL, ORACLE = "original", "oracle"
HOLD_OUTS = ("nonmember", "forget_test")
"""Test sets of the forget set's kind, in this order."""


@dataclass(frozen=True)
class Audited:
    """The experiment's data and runs as the attacks take them."""

    experiment: Experiment
    hold_out: str
    forget: Any
    other: Any
    runs: dict[str, Path]
    """Original and oracle first, if they are there."""

    @property
    def task(self) -> Task[Any]:
        """How to run the networks."""
        return self.experiment.kind.task(unlearning=False)

    @cached_property
    def members(self) -> People:
        """Of the forget set."""
        return people_of(self.forget, "forget")

    @cached_property
    def others(self) -> People:
        """Of the hold-out."""
        return people_of(self.other, "other")


def audited(
    experiment: Experiment, hold_out: str | None = None, asked: Sequence[str] = ()
) -> Audited:
    """Find hold-out and runs, and refuse what would prove nothing.

    Raises:
        WrongUse: if a set or a run is not there.
        AuditError: if a person of the hold-out was trained on, or there is no run.
        UnlearnError: if a set cannot be opened.
    """
    name = _hold_out(experiment, hold_out)
    runs = _runs(experiment, asked)
    forget, other = experiment.samples("forget"), experiment.samples(name)
    _strangers(experiment, name, other)
    return Audited(experiment, name, forget, other, runs)


def _hold_out(experiment: Experiment, asked: str | None) -> str:
    tests = tuple(experiment.data.tests)
    if asked is not None:
        if asked not in tests:
            raise WrongUse(
                f"The hold-out '{asked}' is no test set of {experiment.path}; accepted: "
                f"{', '.join(tests) or 'none, as [data.tests] is empty'}."
            )
        return asked
    found = [name for name in HOLD_OUTS if name in tests]
    if not found:
        raise WrongUse(
            f"{experiment.path}: an attack needs people like those of the forget set whom nobody "
            f"was trained on; accepted: a test set called {' or '.join(HOLD_OUTS)} in "
            f"[data.tests], or --hold-out with one of {', '.join(tests) or 'no test set'}."
        )
    return found[0]


def _runs(experiment: Experiment, asked: Sequence[str]) -> dict[str, Path]:
    there = experiment.runs
    if not there:
        raise AuditError(f"Nothing to audit: {experiment.folder} has no runs yet.")
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise WrongUse(
            f"There is no run '{unknown[0]}' in {experiment.folder}; accepted: {', '.join(there)}."
        )
    wanted = {ORIGINAL, ORACLE, *(asked or there)}
    return {name: path for name, path in there.items() if name in wanted}


def _strangers(experiment: Experiment, name: str, other: Any) -> None:
    """Non-members must be non-members; ids are compared and not shown."""
    own = set(identities(other))
    known = [*TRAINING, *(("unseen",) if experiment.data.unseen else ())]
    for part in known:
        both = own & set(identities(experiment.samples(part)))
        if both:
            raise AuditError(
                f"{len(both)} of the people of the hold-out '{name}' are in the {part} set as "
                "well; an attack needs people whom no model has seen."
            )
