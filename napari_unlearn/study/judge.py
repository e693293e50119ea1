"""Every run of an experiment put to every test: quality, agreement, attacks, files."""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.figure_one import write_figure_1
from napari_unlearn.evaluation.paper_runs import fraction_of
from napari_unlearn.evaluation.relearn import Attack, relearn_runs
from napari_unlearn.evaluation.subject_evaluation import evaluate_subjects
from napari_unlearn.evaluation.subject_results import SubjectResult
from napari_unlearn.evaluation.subject_runs import NONMEMBERS
from napari_unlearn.evaluation.table import RunResult, evaluate_runs
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.finding import TRAINING
from napari_unlearn.io.open import open_scan
from napari_unlearn.pseudonym import AS_THEY_ARE, Pseudonyms

RELEARN_SET = "forget_test"
JUDGED_BY_SUBJECT = ("segmentation",)
"""Tasks whose runs are judged by `judge_subjects`; the others by `judge`."""


def judge(
    experiment: Experiment,
    *,
    on_forget_set: bool = False,
    attack: Attack | None = None,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | list[RunResult]]:
    """Evaluate all runs, each slice reconstructed once per run.

    Args:
        experiment: with runs.
        on_forget_set: whether to measure on the forget set itself as well (the paper's UA).
        attack: the relearn attack to put every run through that is no part of a sweep; None
            leaves it out.
        device: as `resolve_device` takes it.
        cancel: looked at before each slice and step.

    Yields:
        Pieces of work done and in all; at last the results, one per run.

    Raises:
        UnlearnError: if there is nothing to evaluate, or the attack finds no test set.
    """
    names = [*experiment.watched, *(["forget"] if on_forget_set else [])]
    tests = {name: experiment.samples(name) for name in names}
    if attack is not None:
        _check(experiment)
    about, runs = experiment.evaluation, experiment.runs
    more = len(_attacked(runs)) if attack is not None else 0
    slices = sum(len(samples) for samples in tests.values())
    results: list[RunResult] = []
    for event in evaluate_runs(
        runs,
        tests,
        device,
        planted_fault=about.planted_fault,
        tissue=about.tissue_value,
        cancel=cancel,
    ):
        if isinstance(event, list):
            results = event
        else:
            yield event[0], slices + more
    if attack is not None:
        for told in relearn(experiment, results, attack, device=device, cancel=cancel):
            if isinstance(told, list):
                results = told
            else:
                yield slices + told[0], slices + more
    yield results


def judge_subjects(
    experiment: Experiment, *, device: str = "auto", cancel: CancelToken | None = None
) -> Iterator[tuple[int, int] | list[SubjectResult]]:
    """Evaluate all segmentation runs on the retain, the forget and the held-out subjects.

    The membership attack compares the forget subjects with the test set "nonmember", which
    serves nothing else, or without one with all held-out subjects.

    Args:
        experiment: with runs.
        device: as `resolve_device` takes it.
        cancel: looked at before each subject.

    Yields:
        Volumes done and in all; at last the results, one per run.

    Raises:
        UnlearnError: if there is nothing to evaluate.
    """
    sets = {name: experiment.samples(name) for name in (*TRAINING, *experiment.watched)}
    strangers = (NONMEMBERS,) if NONMEMBERS in experiment.data.tests else experiment.watched
    others = [experiment.samples(name) for name in strangers]
    yield from evaluate_subjects(
        experiment.runs,
        sets,
        reduce(add, others) if others else None,
        device,
        cancel=cancel,
    )


def relearn(
    experiment: Experiment,
    results: list[RunResult],
    attack: Attack,
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | list[RunResult]]:
    """Add the relearn attack to results; arguments, events and errors as in `judge`."""
    _check(experiment)
    forget, test = experiment.samples("forget"), experiment.samples(RELEARN_SET)
    for told in relearn_runs(_attacked(experiment.runs), forget, test, attack, device, cancel):
        if isinstance(told, dict):
            yield [replace(result, relearned=told.get(result.name)) for result in results]
        else:
            yield told


def _attacked(runs: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in runs.items() if fraction_of(name) is None}


def _check(experiment: Experiment) -> None:
    if RELEARN_SET not in experiment.data.tests:
        raise UnlearnError(
            f"Relearning is measured on a test set named '{RELEARN_SET}'; "
            f"this experiment has {', '.join(experiment.data.tests) or 'none'}."
        )


def draw_figure_1(
    experiment: Experiment,
    folder: Path,
    where: str,
    runs: list[str],
    device: str = "auto",
    names: Pseudonyms = AS_THEY_ARE,
) -> list[Path]:
    """Write figure 1 for a slice of one of the experiment's scans.

    Args:
        experiment: with runs.
        folder: receives figure1.png and figure1.svg.
        where: SCAN:INDEX, or SCAN for its most conspicuous slice; SCAN is the name of a test
            scan or a path.
        runs: from left to right.
        device: as `resolve_device` takes it.
        names: of the scan in the figure.

    Raises:
        UnlearnError: if there is no such scan, slice or run.
    """
    name, found, index = where.rpartition(":")
    if not found:
        name, index = where, ""
    if index and not index.isdecimal():
        raise UnlearnError(f"'{where}' is not SCAN:INDEX, e.g. knee_1000:0.")
    scan = open_scan(_find(experiment, name))
    place = int(index) if index else None
    rule = experiment.mask_rule
    return write_figure_1(folder, scan, place, experiment.runs, runs, rule, device, names)


def _find(experiment: Experiment, name: str) -> Path:
    """A test scan by its name or path."""
    if Path(name).exists():
        return Path(name)
    tests = [experiment.samples(test) for test in experiment.data.tests]
    paths = [Path(scan.header.source) for samples in tests for scan in samples.scans]
    chosen = [path for path in paths if name in (path.name, path.stem)]
    if not chosen:
        known = ", ".join(path.stem for path in paths[:4])
        raise UnlearnError(f"There is no test scan '{name}'; there are {known} and so on.")
    return chosen[0]
