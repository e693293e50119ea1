"""Every run of an experiment put to every test: image quality, agreement, relearning, files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.figure_one import write_figure_1
from napari_unlearn.evaluation.paper_runs import fraction_of
from napari_unlearn.evaluation.relearn import Attack, relearn_runs
from napari_unlearn.evaluation.table import RunResult, evaluate_runs
from napari_unlearn.experiment import Experiment
from napari_unlearn.io.open import find_scans, open_scan

RELEARN_SET = "forget_test"


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
    names = [*experiment.data.tests, *(["forget"] if on_forget_set else [])]
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
    experiment: Experiment, folder: Path, where: str, runs: list[str], device: str = "auto"
) -> list[Path]:
    """Write figure 1 for a slice of one of the experiment's scans.

    Args:
        experiment: with runs.
        folder: receives figure1.png and figure1.svg.
        where: SCAN:INDEX, or SCAN for its most conspicuous slice; SCAN is the name of a test
            scan or a path.
        runs: from left to right.
        device: as `resolve_device` takes it.

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
    return write_figure_1(folder, scan, place, experiment.runs, runs, experiment.mask_rule, device)


def _find(experiment: Experiment, name: str) -> Path:
    """A test scan by its name or path."""
    if Path(name).exists():
        return Path(name)
    patterns = [pattern for patterns in experiment.data.tests.values() for pattern in patterns]
    paths = [path for pattern in patterns for path in find_scans(experiment.folder / pattern)]
    chosen = [path for path in paths if name in (path.name, path.stem)]
    if not chosen:
        known = ", ".join(path.stem for path in paths[:4])
        raise UnlearnError(f"There is no test scan '{name}'; there are {known} and so on.")
    return chosen[0]
