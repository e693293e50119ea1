"""Asking which training slices are responsible, as a Qt-free generator for a child process."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.responsibility import Asked, Responsibility, Responsible
from napari_unlearn.viewer.proposal import Proposal
from napari_unlearn.viewer.studies import THUMBNAILS, ScanSetView, at_a_glance

if TYPE_CHECKING:
    from napari_unlearn.unlearning.batch import SliceSet

TOP = 20
"""Slices that are shown, and all that stand out, up to `MOST`."""
MOST = 200


@dataclass(frozen=True, eq=False)
class Question:
    """What somebody outlined, and in what."""

    experiment: Path
    """Its file."""
    run: str
    """Whose model painted it."""
    scan: Path
    slice: int
    inside: NDArray[np.bool_]
    """(image_rows, image_columns)"""
    acceleration: int | None = None
    """Undersampling of the outlined scan, where it is not that of the experiment."""
    center_fraction: float = 0.04
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Answer:
    """Training slices, the most responsible first."""

    question: Question
    found: Responsibility
    pictures: tuple[NDArray[np.float32], ...]
    """Reference images of the first slices, (rows, columns), 0 to 1."""

    @property
    def shown(self) -> tuple[Responsible, ...]:
        """The slices that have a picture."""
        return self.found.slices[: len(self.pictures)]

    def proposal(self, forget: Sequence[str]) -> Proposal:
        """The sets if those scans are to be forgotten.

        Args:
            forget: Paths, as `Responsible.source` gives them.

        Raises:
            EvaluationError: if that is none of the training scans, or all.
        """
        members = self.found.regrouped(forget)
        chosen = members["forget"]
        slices = sum(each.source in chosen for each in self.found.slices)
        looks: dict[str, tuple[str, NDArray[np.float32]]] = {}
        for each, picture in zip(self.shown, self.pictures, strict=True):
            if each.source in chosen:
                looks.setdefault(each.source, (each.scan, picture))
        first = list(looks.values())[:THUMBNAILS]
        images, captions = tuple(image for _, image in first), tuple(name for name, _ in first)
        view = ScanSetView("forget", len(chosen), slices, images, captions)
        return Proposal(self.question.experiment, members, view)


def asking(question: Question, cancel: CancelToken) -> Iterator[Asked | Answer]:
    """Rank the training slices of an experiment for what is outlined, and look into the first.

    Raises:
        UnlearnError: as `find_responsible`; or the experiment, its run or a scan is not there.
    """
    from napari_unlearn.errors import UnlearnError
    from napari_unlearn.evaluation.invention import Outline
    from napari_unlearn.evaluation.responsible import find_responsible
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.mri.sampling import Sampling

    experiment = Experiment.load(question.experiment)
    if question.run not in experiment.runs:
        raise UnlearnError(f"There is no run '{question.run}' in {experiment.folder} any more.")
    outline = Outline(open_scan(question.scan), question.slice, question.inside)
    sampling = experiment.mask_rule
    if question.acceleration is not None:
        sampling = Sampling(
            acceleration=question.acceleration, center_fraction=question.center_fraction
        )
    sets = {name: experiment.samples(name) for name in ("retain", "forget")}
    for event in find_responsible(
        experiment.runs[question.run],
        sets,
        outline,
        sampling=sampling,
        device=question.device,
        cancel=cancel,
    ):
        if isinstance(event, Asked):
            yield event
        else:
            yield Answer(question, event, tuple(_pictures(event, sets, cancel)))


def _pictures(
    found: Responsibility, sets: "Mapping[str, SliceSet]", cancel: CancelToken
) -> Iterator[NDArray[np.float32]]:
    """Reference images of the first slices."""
    scans = {
        os.path.abspath(scan.header.source): scan
        for samples in sets.values()
        for scan in samples.scans
    }
    for each in found.slices[: min(max(TOP, len(found.suspects)), MOST)]:
        cancel.check()
        target = scans[each.source].target(each.slice)
        # Whoever was learnt from has one.
        yield at_a_glance(np.zeros((1, 1), np.float32) if target is None else target)
