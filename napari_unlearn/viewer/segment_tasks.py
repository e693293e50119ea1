"""What the Segment dock asks for, as Qt-free generators; torch and nibabel wait until they run."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unlearn.cancel import CancelToken
from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.viewer.segment_result import (
    Labelled,
    LabelledArm,
    Labels,
    StructureFigures,
)
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    from napari_unlearn.io.subject_files import SubjectFiles

SUFFIXES = (".nii.gz", ".nii")
TRUTH = "Ground truth"


@dataclass(frozen=True)
class Found:
    """The subjects of a place."""

    subjects: "tuple[SubjectFiles, ...]"
    chosen: int
    """The one that is opened."""


@dataclass(frozen=True, eq=False)
class OpenedSubject:
    """A subject is read."""

    subject: Subject3D
    files: "SubjectFiles"


@dataclass(frozen=True, eq=False)
class Segmented:
    """One model has labelled the subject."""

    model: Model
    labels: Labels
    """On the subject's own grid."""
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True, eq=False)
class Judged:
    """All models have, and their labels are measured."""

    arms: tuple[LabelledArm, ...]
    """In the order of the models."""


@dataclass(frozen=True)
class Exported:
    """A file is written."""

    path: Path


def is_volume(path: Path) -> bool:
    """Whether a path names a NIfTI file."""
    return path.name.lower().endswith(SUFFIXES)


def finding(path: Path, cancel: CancelToken, subject: str = "") -> Iterator[Found | OpenedSubject]:
    """Find the subjects of a path and read one of them.

    Args:
        path: Folder, list file or NIfTI volume.
        cancel: Looked at before the volumes are read.
        subject: Id of the one to read; empty takes the one that the path names, else the first.
    """
    from napari_unlearn.viewer.segment_files import subjects_at

    found, named = subjects_at(path)
    ids = [files.subject for files in found]
    chosen = ids.index(subject) if subject in ids else named
    yield Found(found, chosen)
    cancel.check()
    yield from loading(found[chosen], cancel)


def loading(files: "SubjectFiles", cancel: CancelToken) -> Iterator[OpenedSubject]:
    """Read a subject's volumes."""
    subject = files.load()
    cancel.check()
    yield OpenedSubject(subject, files)


def exporting(
    opened: OpenedSubject, labels: Labels, path: Path, cancel: CancelToken
) -> Iterator[Exported]:
    """Write labels onto the very grid of the subject's first file."""
    from napari_unlearn.io.label_volume import write_labels

    cancel.check()
    like = opened.files.images[0][1]
    yield Exported(write_labels(path, labels, opened.subject.affine, like))


def segmenting(
    subject: Subject3D,
    models: Sequence[Model],
    known: Mapping[str, Labels],
    device: str,
    cancel: CancelToken,
) -> Iterator[Segmented | Judged]:
    """Label a subject with every model and measure the labels.

    Args:
        subject: In memory.
        models: In the order of their tiles.
        known: Labels by the name of a model that need not run again.
        device: Key of the device, or "auto".
        cancel: Looked at while a model runs and between two models.
    """
    from napari_unlearn.evaluation.segment import segment
    from napari_unlearn.models.device import resolve_device
    from napari_unlearn.models.load import load_model

    place = resolve_device(device)
    made: list[tuple[Model, Labels]] = []
    began = time.monotonic()
    missing = sum(model.name not in known for model in models)
    ran = 0
    for number, model in enumerate(models, start=1):
        cancel.check()
        labels = known.get(model.name)
        if labels is None:
            network, card = load_model(model.path, place)
            labels = segment(network, card, subject, place, cancel)
            ran += 1
        made.append((model, labels))
        left = (time.monotonic() - began) / ran * (missing - ran) if ran else None
        yield Segmented(model, labels, number, len(models), left)
    yield Judged(judge(subject, made, cancel).arms)


def judge(
    subject: Subject3D, made: Sequence[tuple[Model, Labels]], cancel: CancelToken
) -> Labelled:
    """Measure labels against the ground truth, if there is one, and against the oracle."""
    from napari_unlearn.evaluation.overlap import score_structures, voxel_agreement

    oracle = next((labels for model, labels in made if model.role == "oracle"), None)
    arms = []
    for model, labels in made:
        cancel.check()
        figures = volumes(labels, subject.voxel_size)
        if subject.labels is not None:
            for score in score_structures(labels, subject.labels, subject.voxel_size):
                figures[score.label] = StructureFigures(score.volume, score.dice, score.hd95)
        if oracle is not None:
            for score in score_structures(labels, oracle, subject.voxel_size):
                before = figures.get(score.label, StructureFigures(0.0))
                figures[score.label] = replace(before, oracle_dice=score.dice)
        like = None if oracle is None else voxel_agreement(labels, oracle)
        arms.append(LabelledArm(model.name, model.role, labels, figures, like, str(model.path)))
    return Labelled(subject, truth_of(subject), tuple(arms))


def truth_of(subject: Subject3D) -> LabelledArm | None:
    """What somebody drew; None if nobody did."""
    if subject.labels is None:
        return None
    return LabelledArm(TRUTH, None, subject.labels, volumes(subject.labels, subject.voxel_size))


def volumes(labels: Labels, voxel_size: tuple[float, float, float]) -> dict[int, StructureFigures]:
    """Volume of every structure in a label map."""
    counts = np.bincount(labels.ravel(), minlength=256)
    millilitres = float(np.prod(voxel_size)) / 1000
    return {
        int(label): StructureFigures(float(counts[label]) * millilitres)
        for label in np.flatnonzero(counts)
        if label
    }
