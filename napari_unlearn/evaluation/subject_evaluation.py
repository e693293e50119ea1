"""Every segmentation run on every subject, beside the oracle, and under the membership attack."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.membership import Losses, attack, patch_losses
from napari_unlearn.evaluation.overlap import (
    StructureScore,
    mae,
    score_structures,
    voxel_agreement,
)
from napari_unlearn.evaluation.subject_results import SubjectResult, SubjectScore
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.volumes import Subject, VolumeSet

MEMBERS = "forget"
"""The set whose subjects the attack looks for."""
STRANGERS = ""
"""No set of an experiment is called so."""

Labels = NDArray[np.uint8]
Seen = dict[tuple[str, str], Labels]
"""Label maps by set and subject."""


def evaluate_subjects(
    runs: Mapping[str, Path],
    sets: Mapping[str, VolumeSet],
    others: VolumeSet | None = None,
    device: str = "auto",
    *,
    task: Segmentation | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | list[SubjectResult]]:
    """Label every subject with every run, one network in memory at a time.

    Everything is measured on the grid that the networks see.

    Args:
        runs: checkpoints by name; agreement is measured with the one named "oracle".
        sets: subjects by the name of their set; those of "forget" are looked for by the attack.
        others: subjects that no run was trained on, to attack with; None leaves the attack out.
        device: as `resolve_device` takes it.
        task: how to run the networks.
        cancel: looked at before each subject.

    Yields:
        Volumes done and volumes in all; at last the results, one per run.

    Raises:
        UnlearnError: if there is nothing to evaluate, or a subject cannot be used.
    """
    if not runs or not sets:
        missing = "runs" if not runs else "sets"
        raise UnlearnError(f"Nothing to evaluate: the experiment has no {missing} yet.")
    place = resolve_device(device)
    task, cancel = task or Segmentation(), cancel or CancelToken()
    attacked = others if MEMBERS in sets else None
    asked = [(name, samples, n) for name, samples in sets.items() for n in range(len(samples))]
    if attacked is not None:
        asked += [(STRANGERS, attacked, number) for number in range(len(attacked))]
    done, total = 0, len(runs) * len(asked)
    found: dict[str, SubjectResult] = {}
    oracle: Seen = {}
    for name in sorted(runs, key=lambda name: name != "oracle"):
        model, card = load_checkpoint(runs[name], str(place))
        seen: Seen = {}
        scores: list[SubjectScore] = []
        losses: dict[str, dict[str, Losses]] = {MEMBERS: {}, STRANGERS: {}}
        for set_name, samples, number in asked:
            cancel.check()
            subject = samples.subjects[number]
            probabilities, truth = _answer(task, model, samples, number, place)
            if attacked is not None and set_name in losses:
                losses[set_name][subject.subject] = patch_losses(probabilities, truth)
            if set_name != STRANGERS:
                key = set_name, subject.subject
                seen[key] = probabilities.argmax(0).astype(np.uint8)
                score = _score(key, probabilities, truth, subject, task.lesions)
                peer = oracle.get(key)
                agreement = None if peer is None else voxel_agreement(seen[key], peer)
                scores.append(replace(score, agreement=agreement))
            done += 1
            yield done, total
        if name == "oracle":
            oracle = seen
        told = None if attacked is None else attack(losses[MEMBERS], losses[STRANGERS])
        found[name] = SubjectResult(name, card, tuple(scores), told)
    yield [found[name] for name in runs]


def _answer(
    task: Segmentation, model: nn.Module, samples: VolumeSet, number: int, place: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities, (classes, depth, rows, columns), and true labels of one subject."""
    batch = samples.batch(number)
    model.eval()
    with torch.inference_mode():
        answer = task.predict(model, batch.to(place))[0].float().cpu().numpy()
    return answer, batch.target[0].numpy()


def _score(
    key: tuple[str, str],
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    subject: Subject,
    lesions: tuple[int, ...],
) -> SubjectScore:
    """Everything but the agreement."""
    structures = score_structures(probabilities.argmax(0), truth, subject.voxel_size)
    set_name, name = key
    return SubjectScore(
        set=set_name,
        subject=name,
        dice=_mean_dice(structures),
        dice_sound=_mean_dice(structures, without=lesions),
        mae=mae(probabilities, truth),
        agreement=None,
        structures=structures,
    )


def _mean_dice(
    structures: tuple[StructureScore, ...], without: tuple[int, ...] = ()
) -> float | None:
    """Over the structures that the subject has; None if it has none of those asked for."""
    values = [s.dice for s in structures if s.dice is not None and s.label not in without]
    return float(np.mean(values)) if values else None
