"""One network on one subject: contrasts in order, prepared, labelled, back on the own grid."""

import re
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.out_of_memory import memory_said
from napari_unlearn.evaluation.reconstruct import interruptible
from napari_unlearn.io.preprocess3d import Triple, prepare, restore
from napari_unlearn.models.card import Card
from napari_unlearn.models.device import device_name, free_memory
from napari_unlearn.models.med3d import Med3D
from napari_unlearn.models.medicalnet import FRESH
from napari_unlearn.models.memory import MARGIN, amount, forward_memory
from napari_unlearn.models.registry import build
from napari_unlearn.mri.subject3d import Subject3D, structure_name

_UNNAMED = re.compile(r"image( \d+)?")
"""Channels of files that do not say which contrast they hold."""
_CROWD = 16
"""Bytes per voxel and channel of the widest layer, were it on the finest grid: four tensors."""


@dataclass(frozen=True)
class StructureVolume:
    """How large a structure was labelled."""

    label: int
    name: str
    voxels: int
    volume: float
    """[ml]"""


def segment(
    model: nn.Module,
    card: Card,
    subject: Subject3D,
    device: torch.device | str = "cpu",
    cancel: CancelToken | None = None,
) -> NDArray[np.uint8]:
    """Label a subject on its own grid, (depth, rows, columns).

    The card says which contrasts the network reads, in which order, and on which grid. Contrasts
    are found by name; those of files that name none are taken in their order.

    Args:
        model: Like `Med3D`, already on `device`.
        card: Of the model.
        subject: As read; its labels are not looked at.
        device: Where to compute.
        cancel: Looked at before every layer of the network.

    Raises:
        Cancelled: The user asked to stop.
        EvaluationError: The model does not segment, or not these contrasts, its answer is not
            finite, or memory does not suffice.
        UnlearnError: An image is empty or constant.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    check_segments(card)
    ordered = in_order(subject, card)
    shape = card.volumes.shape if card.volumes else None
    grid = shape or subject.shape
    _check_memory(card, ordered, grid, torch.device(device))
    prepared, plan = prepare(ordered, shape)
    model.eval()
    size = "x".join(map(str, grid))
    with (
        memory_said(f"segmenting {subject.subject} ({size})", device),
        torch.inference_mode(),
        interruptible(model, cancel),
    ):
        logits = model(torch.from_numpy(np.ascontiguousarray(prepared.images))[None].to(device))
        if not torch.isfinite(logits).all():
            raise EvaluationError(
                f"{subject.subject}: the answer of {_name(card)} is not finite; its weights or "
                "the images are damaged."
            )
        labels = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
    return restore(labels, plan)


def check_segments(card: Card) -> None:
    """Refuse a network that does not label volumes, or that nobody has taught to.

    Raises:
        EvaluationError: Says which.
    """
    if card.architecture != "med3d":
        raise EvaluationError(
            f"{_name(card)} is a {card.architecture}, which does not segment; a med3d is expected."
        )
    if card.metrics.get(FRESH):
        raise EvaluationError(
            f"{_name(card)} cannot segment before it is trained, as part of it is drawn at "
            f"random. {card.remark}"
        )


def in_order(subject: Subject3D, card: Card) -> Subject3D:
    """The contrasts that a network reads, in the order in which it was trained.

    Raises:
        EvaluationError: One of them is missing, or their number differs.
    """
    wanted = card.volumes.channels if card.volumes else ()
    count = int(card.parameters.get("in_channels", 1))
    if wanted and not _nameless(wanted) and not _nameless(subject.channels):
        there = [channel.casefold() for channel in subject.channels]
        missing = [name for name in wanted if name.casefold() not in there]
        if missing:
            raise EvaluationError(
                f"{subject.subject} lacks {' and '.join(missing)}: {_name(card)} reads "
                f"{', '.join(wanted)}; found are {', '.join(subject.channels)}."
            )
        places = [there.index(name.casefold()) for name in wanted]
        return replace(subject, images=subject.images[places], channels=tuple(wanted))
    if len(subject.channels) != count:
        reads = f"{count} contrast{'' if count == 1 else 's'}"
        named = f" ({', '.join(wanted)})" if wanted else ""
        raise EvaluationError(
            f"{subject.subject} has {len(subject.channels)} ({', '.join(subject.channels)}), but "
            f"{_name(card)} reads {reads}{named}."
        )
    return subject


def structure_volumes(
    labels: NDArray[np.uint8], affine: NDArray[np.float64], card: Card
) -> tuple[StructureVolume, ...]:
    """Size of every structure that occurs, in the order of the labels.

    V = number of voxels times |det A|, A the directions of the grid [mm]

    Args:
        labels: (depth, rows, columns), 0 is the background.
        affine: Voxel index (depth, row, column, 1) to RAS+ [mm].
        card: Of the network that labelled; it may name the structures.
    """
    names = card.volumes.labels if card.volumes else ()
    voxel = abs(float(np.linalg.det(affine[:3, :3]))) / 1000  # ml
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    return tuple(
        StructureVolume(label, structure_name(label, names), count, count * voxel)
        for label, count in zip(values.tolist(), counts.tolist(), strict=True)
    )


def _check_memory(card: Card, subject: Subject3D, grid: Triple, device: torch.device) -> None:
    """Say beforehand what would not fit; to count takes two seconds, so only where it may matter.

    Raises:
        EvaluationError: With what is needed and what is free.
    """
    free = free_memory(device)
    with torch.device("meta"):
        model = cast(Med3D, build(card.architecture, card.parameters))
    widest = max(part.out_channels for part in model.modules() if isinstance(part, nn.Conv3d))
    if float(np.prod(grid, dtype=float)) * widest * _CROWD < free:
        return
    shape = (1, len(subject.channels), *grid)
    counted = forward_memory(lambda: build(card.architecture, card.parameters), shape)
    needed = round(MARGIN * counted.activations)
    if needed > free:
        raise EvaluationError(
            f"{subject.subject}: to segment {'x'.join(map(str, grid))} voxels {_name(card)} takes "
            f"up to {amount(needed)} of memory beside its weights, {amount(free)} are free "
            f"on {device_name(device)}; close other programs, or choose another device or a "
            "smaller model."
        )


def _nameless(channels: tuple[str, ...]) -> bool:
    return all(_UNNAMED.fullmatch(channel) for channel in channels)


def _name(card: Card) -> str:
    return f"'{card.title}'" if card.title else "the model"
