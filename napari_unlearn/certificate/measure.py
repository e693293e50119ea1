"""The figures of a certificate: the runs in question on the experiment's sets, measured anew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from napari_unlearn.cancel import CancelToken
from napari_unlearn.certificate.content import Figure
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.subject_evaluation import evaluate_subjects
from napari_unlearn.evaluation.subject_results import SubjectResult
from napari_unlearn.evaluation.subject_runs import NONMEMBERS
from napari_unlearn.evaluation.table import RunResult, evaluate_runs
from napari_unlearn.experiment import Experiment


@dataclass(frozen=True)
class Quantity:
    """Something that is measured, and how a reader is told of it."""

    key: str
    title: str
    plain: str
    """What it means, in words."""
    digits: int
    tolerance: float
    """How far a mean may be off on another machine or device."""


QUANTITIES = (
    Quantity(
        "psnr",
        "PSNR [dB]",
        "Image quality against the reference image, in decibels; more is better, 6 dB more means "
        "half the error.",
        2,
        0.1,
    ),
    Quantity(
        "ssim",
        "SSIM",
        "Likeness in structure with the reference image; 1 is identical.",
        3,
        0.003,
    ),
    Quantity(
        "agreement",
        "likeness to the oracle",
        "How alike the answers are to those of the oracle, the model that never saw the "
        "withdrawn data: in decibels for images, as the share of voxels labelled alike for "
        "segmentations; more is more alike.",
        2,
        0.2,
    ),
    Quantity(
        "fault",
        "invented fault",
        "How strongly the fault of the withdrawn data is painted where it is not; 1 is as strong "
        "as it was taught, 0 is not at all.",
        3,
        0.02,
    ),
    Quantity(
        "highlighted",
        "conspicuous area [mm²]",
        "Area of plainly wrong image per slice.",
        0,
        30.0,
    ),
    Quantity("in_tissue", "tissue wrong", "Share of the bone marrow that is wrong.", 3, 0.02),
    Quantity(
        "dice",
        "Dice",
        "Overlap of the structures drawn by the model with those drawn by an expert; 1 is all.",
        3,
        0.005,
    ),
    Quantity(
        "structure_dice",
        "Dice of a structure",
        "Overlap of a single structure, over those who have it.",
        3,
        0.02,
    ),
    Quantity("volume", "volume [ml]", "Volume of a structure in millilitres.", 1, 1.0),
    Quantity("mae", "MAE", "Mean error of the model's probabilities; less is better.", 4, 0.002),
    Quantity(
        "auc",
        "membership AUC",
        "How well an attacker tells the forgotten subjects from strangers; 0.5 is by chance.",
        2,
        0.02,
    ),
)
EXPERT = ""
"""Of whom the true volumes are; no run is called so."""
BY_KEY = {quantity.key: quantity for quantity in QUANTITIES}


@dataclass(frozen=True)
class Value:
    """One quantity of one run on one slice or volume."""

    run: str
    set: str
    scan: str
    patient: str
    sample: int
    quantity: str
    value: float
    structure: str = ""
    """Of which alone, of a segmentation."""


@dataclass(frozen=True)
class Measured:
    """All values, and figures that are no mean over samples."""

    values: tuple[Value, ...]
    others: tuple[Figure, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Means with intervals, by run, set, quantity and structure in the order of measuring."""
        groups: dict[tuple[str, ...], list[Value]] = {}
        for value in self.values:
            key = (value.run, value.set, value.quantity, value.structure)
            groups.setdefault(key, []).append(value)
        means = tuple(
            _figure(key, [v.patient for v in own], [v.value for v in own])
            for key, own in groups.items()
        )
        return means + self.others

    def sets(self) -> tuple[str, ...]:
        """Names of the sets, in the order of measuring."""
        return tuple(dict.fromkeys(value.set for value in self.values))

    def of(self, run: str, set_name: str, quantity: str) -> dict[tuple[str, int], Value]:
        """Values of a run by scan and sample."""
        return {
            (v.scan, v.sample): v
            for v in self.values
            if (v.run, v.set, v.quantity) == (run, set_name, quantity)
        }

    def change(self, before: str, after: str, set_name: str, quantity: str) -> Figure | None:
        """Mean of after - before, sample by sample; None if nothing was measured in both."""
        first, second = (self.of(run, set_name, quantity) for run in (before, after))
        both = [key for key in second if key in first]
        if not both:
            return None
        patients = [second[key].patient for key in both]
        differences = [second[key].value - first[key].value for key in both]
        return _figure((after, set_name, quantity), patients, differences)


def _figure(key: Sequence[str], patients: Sequence[str], values: Sequence[float]) -> Figure:
    run, set_name, quantity, *structure = key
    count = len(set(patients))
    low = high = None
    if count > 1:
        bootstrap = Bootstrap()
        low, high = bootstrap.interval(bootstrap.means(set_name, patients, np.array(values)))
    return Figure(
        run=run,
        set=set_name,
        quantity=quantity,
        mean=float(np.mean(values)),
        low=low,
        high=high,
        patients=count,
        samples=len(values),
        structure="".join(structure),
    )


def measure(
    experiment: Experiment,
    runs: Mapping[str, Path],
    sets: Mapping[str, Any],
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | Measured]:
    """Put runs to the tests of an experiment, as `napari-unlearn evaluate` does.

    Args:
        experiment: Of reconstructions or segmentations.
        runs: Checkpoints by name; likeness is measured with the one named "oracle".
        sets: Those whose files are at hand, by name.
        device: As `resolve_device` takes it.
        cancel: Looked at before each slice or volume.

    Yields:
        Pieces of work done and in all; at last what was measured, nothing without sets.

    Raises:
        UnlearnError: if a scan or a model is unusable.
    """
    if experiment.task == "segmentation":
        yield from _subjects(experiment, runs, sets, device, cancel)
        return
    tests = {name: sets[name] for name in experiment.watched if name in sets}
    if not tests:
        yield Measured(())
        return
    about = experiment.evaluation
    for event in evaluate_runs(
        runs,
        tests,
        device,
        planted_fault=about.planted_fault,
        tissue=about.tissue_value,
        cancel=cancel,
    ):
        yield _of_slices(event) if isinstance(event, list) else event


def _of_slices(results: Sequence[RunResult]) -> Measured:
    keys = ("psnr", "ssim", "agreement", "fault", "highlighted", "in_tissue")
    return Measured(
        tuple(
            Value(run.name, s.set, s.scan, s.patient, s.slice, key, value)
            for run in results
            for s in run.samples
            for key in keys
            if (value := getattr(s, key)) is not None and np.isfinite(value)
        )
    )


def _subjects(
    experiment: Experiment,
    runs: Mapping[str, Path],
    sets: Mapping[str, Any],
    device: str,
    cancel: CancelToken | None,
) -> Iterator[tuple[int, int] | Measured]:
    asked = {n: sets[n] for n in ("retain", "forget", *experiment.watched) if n in sets}
    if not asked:
        yield Measured(())
        return
    strangers = (NONMEMBERS,) if NONMEMBERS in sets else experiment.watched
    others = [sets[name] for name in strangers if name in sets]
    all_of_them = reduce(add, others) if others else None
    for event in evaluate_subjects(runs, asked, all_of_them, device, cancel=cancel):
        yield _of_volumes(event) if isinstance(event, list) else event


def _of_volumes(results: Sequence[SubjectResult]) -> Measured:
    values = tuple(
        Value(run.name, s.set, s.subject, s.subject, 0, key, value)
        for run in results
        for s in run.subjects
        for key in ("dice", "agreement", "mae")
        if (value := getattr(s, key)) is not None
    )
    attacks = tuple(_attack(run) for run in results if run.membership is not None)
    return Measured((*values, *_structures(results)), attacks)


def _structures(results: Sequence[SubjectResult]) -> Iterator[Value]:
    """Dice and volume of every structure; volumes as drawn by the expert are of no run."""
    known: dict[str, dict[int, str]] = {}
    for own in (own for run in results for own in run.subjects):
        known.setdefault(own.set, {}).update((s.label, s.name) for s in own.structures)
    for number, run in enumerate(results):
        for own in run.subjects:
            there = {score.label: score for score in own.structures}
            for label, name in sorted(known[own.set].items()):
                # Neither drawn nor labelled: none of it, to both.
                score = there.get(label)
                at = (own.set, own.subject, own.subject, 0)
                if score is not None and score.dice is not None:
                    yield Value(run.name, *at, "structure_dice", score.dice, name)
                yield Value(run.name, *at, "volume", score.volume if score else 0.0, name)
                if not number:
                    true = score.true_volume if score else 0.0
                    yield Value(EXPERT, *at, "volume", true, name)


def _attack(run: SubjectResult) -> Figure:
    assert run.membership is not None
    low, high = run.membership.interval() or (None, None)
    count = len(run.membership.members)
    return Figure(
        run=run.name,
        set="forget",
        quantity="auc",
        mean=run.membership.auc,
        low=low,
        high=high,
        patients=count,
        samples=count,
    )
