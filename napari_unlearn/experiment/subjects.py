"""Experiments on labelled 3D subjects: contrasts to structures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError, WrongUse, shortened
from napari_unlearn.evaluation.subject_runs import NONMEMBERS
from napari_unlearn.experiment.finding import Finding, some
from napari_unlearn.experiment.subject_check import check_subjects, inspect_subjects
from napari_unlearn.experiment.subject_sets import PreparedSubject, matching, people
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.preprocess3d import Triple
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.io.subjects import LABELS, find_subjects
from napari_unlearn.models.card import Card, Volumes
from napari_unlearn.models.convert import is_torch_file
from napari_unlearn.models.medicalnet import convert_medicalnet
from napari_unlearn.models.memory import Memory, step_memory
from napari_unlearn.models.registry import build
from napari_unlearn.mri.subject3d import STRUCTURE_NAMES
from napari_unlearn.settings_file import shown
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.volumes import VolumeBatch, VolumeSet

if TYPE_CHECKING:
    from napari_unlearn.experiment.experiment import Experiment

STANDARD = (9, 10, 11)
"""Numbers of classes whose names are MRBrainS18's: its eight structures, with infarction, with
infarction and other."""
_IMAGES = "it undersamples no k-space"
_MARKS = "hallucinations are looked for in images only"


class Subjects:
    """What the task "segmentation" decides; the methods are `kinds.Kind`'s."""

    architectures = ("med3d",)
    foreign: Mapping[str, str] = {
        "sampling.kind": _IMAGES,
        "sampling.acceleration": _IMAGES,
        "sampling.center_fraction": _IMAGES,
        "unlearning.guard": "a guard watches SSIM, which only images have",
        "evaluation.planted_fault": _MARKS,
        "evaluation.tissue": _MARKS,
    }
    set_apart = (NONMEMBERS,)
    units = ("subjects", "volumes")
    lighter = "a smaller shape in [preprocessing], a smaller width"

    def task(self, *, unlearning: bool) -> Segmentation:
        """Unlearning keeps the batch norms' statistics: one subject's are no good estimate."""
        return Segmentation(frozen_statistics=unlearning)

    def open(self, experiment: "Experiment", name: str) -> VolumeSet:
        """Subjects by id or pattern of ids, among all below the data's root."""
        key, patterns = experiment.patterns(name)
        known = {subject.subject: subject for subject in self._all(experiment)}
        chosen: dict[str, PreparedSubject] = {}
        for pattern in patterns:
            found = matching(known, pattern)
            if not found:
                raise WrongUse(
                    f"{experiment.path}: key '{key}' is {shown(pattern)}; there is no such subject "
                    f"in {experiment.root}; accepted: ids or patterns of {some(list(known), 6)}."
                )
            chosen |= {subject: known[subject] for subject in found}
        return VolumeSet(experiment.drawn(name, list(chosen.values())), classes_of(experiment))

    def only(self, samples: VolumeSet, patterns: Sequence[str]) -> VolumeSet:
        """Subjects by id."""
        ids = [subject.subject for subject in samples.subjects]
        kept: set[str] = set()
        for pattern in patterns:
            found = matching(ids, pattern)
            if not found:
                raise WrongUse(
                    f"No subject of the forget set is called {shown(pattern)}; accepted: ids or "
                    f"patterns of {some(ids, 6)}."
                )
            kept |= set(found)
        chosen = [subject for subject in samples.subjects if subject.subject in kept]
        return VolumeSet(chosen, samples.classes)

    def first(self, samples: VolumeSet) -> VolumeSet:
        """The first subject."""
        return VolumeSet(samples.subjects[:1], samples.classes)

    def look(self, experiment: "Experiment", seen: SubjectFiles, index: int) -> VolumeBatch | None:
        """The whole volume, as far as it has the contrasts of the experiment's subjects."""
        learnt = people(self.open(experiment, "retain"))[0].files.images
        if [channel for channel, _ in seen.images] != [channel for channel, _ in learnt]:
            return None
        files = replace(seen, labels=None)
        images = PreparedSubject(files, shape_of(experiment), experiment.shelf).images
        return VolumeBatch(
            image=torch.from_numpy(np.ascontiguousarray(images))[None],
            target=torch.zeros((1, *images.shape[1:]), dtype=torch.int64),
            classes=classes_of(experiment),
        )

    def count(self, samples: VolumeSet) -> int:
        """Subjects."""
        return len(samples.subjects)

    def about(self, experiment: "Experiment", samples: VolumeSet) -> dict[str, Any]:
        """Channels, classes and grid, as whoever segments with the model needs them."""
        classes = classes_of(experiment)
        channels = [channel for channel, _ in people(samples)[0].files.images]
        volumes = Volumes(
            channels=tuple(channels),
            classes=classes,
            labels=STRUCTURE_NAMES[:classes] if classes in STANDARD else (),
            shape=shape_of(experiment),
        )
        return {"volumes": volumes}

    def check(self, experiment: "Experiment", sets: Mapping[str, VolumeSet]) -> Iterator[Finding]:
        """Subjects in two sets, labels and contrasts that are missing."""
        return check_subjects(sets, _parameter(experiment, "in_channels"))

    def inspect(self, experiment: "Experiment", sets: Mapping[str, VolumeSet]) -> Iterator[Finding]:
        """Every file once: labels that the network does not know, grids that differ."""
        return inspect_subjects(sets, shape_of(experiment))

    def weight(self, experiment: "Experiment", sets: Mapping[str, VolumeSet]) -> Memory:
        """On the network's grid, or that of the first subject."""
        shape = shape_of(experiment) or people(sets["retain"])[0].images.shape[1:]
        network = partial(build, experiment.model.architecture, experiment.network)
        channels, classes = _parameter(experiment, "in_channels"), classes_of(experiment)
        loss = partial(_step_loss, channels, classes, tuple(shape))
        return step_memory(network, loss, experiment.training.precision)

    def adopt(self, experiment: "Experiment", path: Path) -> tuple[nn.Module, Card] | None:
        """MedicalNet's weights (.pth) in the network of the experiment."""
        if not is_torch_file(path):
            return None
        asked = experiment.network
        model, card, adoption = convert_medicalnet(
            path,
            in_channels=int(asked["in_channels"]),
            classes=int(asked["classes"]),
            stem_stride=int(asked["stem_stride"]),
            checkpointing=bool(asked["checkpointing"]),
            seed=experiment.seed,
        )
        for name, value in card.parameters.items():
            if asked[name] != value:
                raise UnlearnError(
                    f"{experiment.path}: key 'training.parent' names {path.name}, a network with "
                    f"{name} = {shown(value)}; [model] asks for {name} = {shown(asked[name])}."
                )
        update = {"parameters": dict(experiment.model.parameters), "remark": adoption.summary}
        return model, card.model_copy(update=update)

    def _all(self, experiment: "Experiment") -> list[PreparedSubject]:
        """Everybody below the root, labelled or not; nothing is read."""
        root, shape, data = experiment.root, shape_of(experiment), experiment.data
        try:
            found = find_subjects(
                root,
                data.images or None,
                data.labels or LABELS,
                labelled=False,
                allowed=tuple(range(classes_of(experiment))),
            )
        except (ReadError, OSError, ValueError) as error:
            why = str(error).removeprefix(f"{root}: ").rstrip(".")
            raise WrongUse(
                f"{experiment.path}: key 'data.root' is {shown(data.root)}, where "
                f"subjects cannot be found ({shortened(why, 100)}); accepted: MRBrainS18, "
                "images/ID_CONTRAST.nii.gz with labels/ID.nii.gz, what data.images and "
                "data.labels describe, or a list as MedicalNet's."
            ) from error
        return [PreparedSubject(files, shape, experiment.shelf) for files in found]


def shape_of(experiment: "Experiment") -> Triple | None:
    """The network's grid (slices, rows, columns); None leaves subjects on their own."""
    if not experiment.preprocessing.shape:
        return None
    depth, rows, columns = experiment.preprocessing.shape
    return depth, rows, columns


def classes_of(experiment: "Experiment") -> int:
    """Labels that the network knows, the background among them."""
    return _parameter(experiment, "classes")


def _step_loss(channels: int, classes: int, shape: tuple[int, ...], model: nn.Module) -> Tensor:
    """The loss on a volume that has a shape (slices, rows, columns) but no numbers."""
    image, labels = torch.empty((1, channels, *shape)), torch.zeros((1, *shape), dtype=torch.long)
    return Segmentation().loss(model, VolumeBatch(image, labels, classes))


def _parameter(experiment: "Experiment", name: str) -> int:
    return int(experiment.network[name])
