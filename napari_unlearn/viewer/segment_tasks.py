"""What the Segment dock asks for, as Qt-free generators; torch and nibabel wait until they run."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.runs.background import in_child
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
    truth: LabelledArm | None = None
    """What somebody drew, measured; None if nobody did."""


@dataclass(frozen=True)
class Windowing:
    """A model is so far with a subject that it labels window by window."""

    model: Model
    done: int
    windows: int
    models: tuple[int, int]
    """Which one this is, counted from 1, and how many there are."""


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
    yield OpenedSubject(subject, files, truth_of(subject))


def exporting(
    opened: OpenedSubject, labels: Labels, path: Path, cancel: CancelToken
) -> Iterator[Exported]:
    """Write labels onto the very grid of the subject's first file."""
    from napari_unlearn.io.label_volume import write_labels

    cancel.check()
    like = opened.files.images[0][1]
    yield Exported(write_labels(path, labels, opened.subject.affine, like))


def segmenting(
    opened: OpenedSubject,
    models: Sequence[Model],
    known: Mapping[str, Labels],
    device: str,
    cancel: CancelToken,
) -> Iterator[Windowing | Segmented | Judged]:
    """Label a subject with every model and measure the labels, in a process of its own.

    Volumes do not go through the pipe between the two: to pack and unpack hundreds of megabytes
    would hold up the window. The child reads the subject's files itself and leaves labels in
    files that are mapped here, so that only the slices in view are ever in memory.

    Args:
        opened: The subject in view.
        models: In the order of their tiles.
        known: Labels by the name of a model that need not run again.
        device: Key of the device, or "auto".
        cancel: Looked at while a model runs and between two models.

    Raises:
        UnlearnError: As `label_apart`.
    """
    made = dict(known)
    # A system that does not delete files in use leaves them to its own tidying.
    with TemporaryDirectory(prefix="napari-unlearn-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        for name, labels in known.items():
            np.save(_kept_in(folder, name, models), labels)
        known_names = tuple(known)
        shape = opened.subject.shape
        work = partial(label_apart, opened.files, shape, tuple(models), known_names, device, folder)
        for event in in_child(work, cancel):
            if isinstance(event, Segmented):
                name = event.model.name
                made[name] = np.load(_kept_in(folder, name, models), mmap_mode="r")
                yield replace(event, labels=made[name])
            elif isinstance(event, Judged):
                yield Judged(tuple(replace(arm, labels=made[arm.name]) for arm in event.arms))
            else:
                yield cast(Windowing, event)


def label_apart(
    files: "SubjectFiles",
    shape: tuple[int, ...],
    models: Sequence[Model],
    known: Sequence[str],
    device: str,
    folder: Path,
    cancel: CancelToken,
) -> Iterator[Windowing | Segmented | Judged]:
    """The child's part of `segmenting`: its events hold no labels, the folder does.

    Raises:
        UnlearnError: The files are no longer what is in view, or a model cannot label them.
    """
    from napari_unlearn.evaluation.segment import segmenting as run
    from napari_unlearn.evaluation.windows import Windowed
    from napari_unlearn.models.device import resolve_device
    from napari_unlearn.models.load import load_model

    subject = files.load()
    if subject.shape != shape:
        raise UnlearnError(
            f"{files.subject} has changed on disk since it was opened ({subject.shape} voxels "
            f"instead of {shape}); open it again."
        )
    place = resolve_device(device)
    nothing = np.zeros(0, np.uint8)
    made: list[tuple[Model, Labels]] = []
    began = time.monotonic()
    missing = sum(model.name not in known for model in models)
    ran = 0
    for number, model in enumerate(models, start=1):
        cancel.check()
        kept = _kept_in(folder, model.name, models)
        if model.name not in known:
            network, card = load_model(model.path, place)
            for event in run(network, card, subject, place, cancel):
                if isinstance(event, Windowed):
                    yield Windowing(model, event.done, event.total, (number, len(models)))
                else:
                    np.save(kept, event)
            ran += 1
        made.append((model, np.load(kept, mmap_mode="r")))
        left = (time.monotonic() - began) / ran * (missing - ran) if ran else None
        yield Segmented(model, nothing, number, len(models), left)
    arms = judge(subject, made, cancel).arms
    yield Judged(tuple(replace(arm, labels=nothing) for arm in arms))


def _kept_in(folder: Path, name: str, models: Sequence[Model]) -> Path:
    """Where the labels of a model lie; its name may hold what no file's may."""
    return folder / f"{[model.name for model in models].index(name)}.npy"


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
    # Slice by slice: bincount makes eight bytes of every label and lets no other thread work.
    counts = np.sum([np.bincount(each.ravel(), minlength=256) for each in labels], axis=0)
    millilitres = float(np.prod(voxel_size)) / 1000
    return {
        int(label): StructureFigures(float(counts[label]) * millilitres)
        for label in np.flatnonzero(counts)
        if label
    }
