"""Pieces of a study, small enough to send to a child process, and what a child does with them."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast, get_args

from safetensors import SafetensorError, safe_open

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.relearn import Attack
from napari_unlearn.evaluation.results import read_results, write_results
from napari_unlearn.evaluation.subject_results import SubjectResult, read_subjects, write_subjects
from napari_unlearn.evaluation.table import RunResult
from napari_unlearn.experiment import TRAINED, Experiment
from napari_unlearn.models.checkpoint import read_card
from napari_unlearn.study.judge import judge, judge_subjects, relearn
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import CHECKPOINT, METRICS, Record, has_settings
from napari_unlearn.unlearning.resume import EARLIER, job_key
from napari_unlearn.unlearning.resume import FILE as RESUME

RESULTS = "results.json"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """One training or unlearning of one seed."""

    experiment: Path
    strategy: str
    """Or "original", "oracle"."""
    values: tuple[tuple[str, float], ...] = ()
    epochs: int | None = None
    """None takes the experiment's budget."""
    fraction: float | None = None
    run_name: str | None = None
    test_every: int | None = None
    """Epochs between two measurements; None as the experiment says."""

    @property
    def name(self) -> str:
        """Such as "seed-0 nl-ft@0.05"."""
        return f"{self.experiment.name} {self.run_name or self.strategy}"

    def job(self) -> Job:
        """The whole job, its data opened.

        Raises:
            UnlearnError: as `Experiment`.
        """
        experiment = Experiment.load(self.experiment)
        if self.strategy in get_args(TRAINED):
            return experiment.training_job(cast(TRAINED, self.strategy), "cpu")
        job = experiment.unlearning_job(
            self.strategy,
            dict(self.values),
            epochs=self.epochs,
            retain_fraction=self.fraction,
            device="cpu",
            run_name=self.run_name,
        )
        return replace(job, test_every=self.test_every or job.test_every)


@dataclass(frozen=True)
class Judgement:
    """Putting all runs of one seed to all tests."""

    experiment: Path

    @property
    def name(self) -> str:
        """Such as "seed-0"."""
        return self.experiment.name


@dataclass(frozen=True)
class PieceDone:
    """A run or a judgement is whole, was whole already, or failed."""

    name: str
    seconds: float
    found: bool = False
    """Whether it was there already."""
    problem: str = ""
    """What went wrong, a sentence."""


def carry_out_runs(runs: tuple[Run, ...], cancel: CancelToken) -> Iterator[PieceDone]:
    """Train or unlearn one run after the other; a run that fails does not stop the next.

    Whole runs with the same settings are left alone, torn ones gone on with.
    """
    for run in runs:
        if cancel.cancelled:
            return
        began = time.monotonic()
        found, problem = False, ""
        try:
            job = run.job()
            found = is_whole(job)
            if not found:
                for _ in train(job, cancel, resume=can_go_on(job)):
                    pass
        except UnlearnError as error:
            problem = f"{run.name}: {error}"
        if not cancel.cancelled:
            yield PieceDone(run.name, time.monotonic() - began, found, problem)


def is_whole(job: Job) -> bool:
    """Whether the job's folder holds its run to the last step, with the same settings and parent.

    A run that was stopped leaves a checkpoint as well.
    """
    folder = job.folder
    if folder is None or not (folder / CHECKPOINT).exists():
        return False
    try:
        about = json.loads((folder / METRICS).read_text())
        settings, steps = about["settings"], about["metrics"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return steps == job.total_steps and has_settings(job, settings)


def can_go_on(job: Job) -> bool:
    """Whether the job's folder holds a torn run with the same settings."""
    folder = Path() if job.folder is None else job.folder
    for name in (RESUME, EARLIER):
        try:
            with safe_open(folder / name, framework="pt") as stream:
                about = stream.metadata() or {}
        except (OSError, SafetensorError):
            continue
        return about.get("job") == job_key(Record(job).settings)
    return False


def judge_seed(piece: Judgement, cancel: CancelToken) -> Iterator[PieceDone]:
    """Evaluate and attack all runs of a seed and write results.json beside them.

    Raises:
        UnlearnError: if there is nothing to evaluate or a file cannot be read or written.
    """
    began, problem = time.monotonic(), ""
    experiment = Experiment.load(piece.experiment)
    path = piece.experiment / RESULTS
    if is_judged(path, experiment.runs):
        yield PieceDone(piece.name, time.monotonic() - began, found=True)
        return
    results = last(judge(experiment, on_forget_set=True, device="cpu", cancel=cancel))
    try:
        results = last(relearn(experiment, results, Attack(), device="cpu", cancel=cancel))
    except EvaluationError as error:
        problem = f"{piece.name}: {error}"
    write_results(path, experiment.name, results, "napari-unlearn study")
    yield PieceDone(piece.name, time.monotonic() - began, problem=problem)


def judge_subjects_of_seed(piece: Judgement, cancel: CancelToken) -> Iterator[PieceDone]:
    """Evaluate all segmentation runs of a seed and write results.json beside them.

    Raises:
        UnlearnError: as `judge_seed`.
    """
    began = time.monotonic()
    experiment = Experiment.load(piece.experiment)
    path = piece.experiment / RESULTS
    found = are_judged(path, experiment.runs)
    if not found:
        results = last(judge_subjects(experiment, device="cpu", cancel=cancel))
        write_subjects(path, experiment.name, results, "napari-unlearn study --protocol heads")
    yield PieceDone(piece.name, time.monotonic() - began, found)


def is_judged(path: Path, runs: Mapping[str, Path]) -> bool:
    """Whether a file of results is about these very checkpoints, and whole."""
    try:
        results = read_results(path)
    except EvaluationError:
        return False
    attacked = any(result.relearned is not None for result in results)
    return attacked and _about(results, runs)


def are_judged(path: Path, runs: Mapping[str, Path]) -> bool:
    """Whether a file of subjects' results is about these very checkpoints."""
    try:
        return _about(read_subjects(path), runs)
    except EvaluationError:
        return False


def _about(
    results: Sequence[RunResult] | Sequence[SubjectResult], runs: Mapping[str, Path]
) -> bool:
    cards = {result.name: result.card for result in results}
    return cards == {name: read_card(run) for name, run in runs.items()}


def last(events: Iterator[tuple[int, int] | list[Result]]) -> list[Result]:
    """What an evaluation yields at its end.

    Raises:
        EvaluationError: if it ends without.
    """
    *_, end = events
    if not isinstance(end, list):
        raise EvaluationError("The evaluation ended without a result.")
    return end
