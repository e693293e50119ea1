"""One network on one subject: contrasts in order, prepared, labelled, back on the own grid."""

import re
from collections.abc import Iterator
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
from napari_unlearn.evaluation.windows import (
    OVERLAP,
    Precision,
    Windowed,
    Windows,
    fitting,
    label_by_windows,
)
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
_WHOLE = 2**24
"""Voxels of the largest volume that is labelled in one go; a limit by size rather than by what is
free just now, so that the same volume gives the same labels on another day."""


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
    *,
    window: Triple | None = None,
    overlap: float = OVERLAP,
    precision: Precision = "32-true",
) -> NDArray[np.uint8]:
    """Label a subject on its own grid, (depth, rows, columns); see `segmenting`."""
    work = segmenting(
        model, card, subject, device, cancel, window=window, overlap=overlap, precision=precision
    )
    return cast(NDArray[np.uint8], list(work)[-1])


def segmenting(
    model: nn.Module,
    card: Card,
    subject: Subject3D,
    device: torch.device | str = "cpu",
    cancel: CancelToken | None = None,
    *,
    window: Triple | None = None,
    overlap: float = OVERLAP,
    precision: Precision = "32-true",
) -> Iterator[Windowed | NDArray[np.uint8]]:
    """Label a subject on its own grid, (depth, rows, columns), and tell how far it is.

    The card says which contrasts the network reads, in which order, and on which grid. Contrasts
    are found by name; those of files that name none are taken in their order. A volume of more
    than 2^24 voxels, or that does not fit, is labelled in overlapping windows, unless the network
    wants a grid of its own.

    Args:
        model: Like `Med3D`, already on `device`.
        card: Of the model.
        subject: As read; its labels are not looked at.
        device: Where to compute.
        cancel: Looked at before every layer of the network.
        window: Its size; None takes the whole volume if it fits, else what fits.
        overlap: Of neighbouring windows, share of their edge, below 1.
        precision: As Lightning Fabric names it.

    Yields:
        Windows that are done, if there are several, and in the end the labels.

    Raises:
        Cancelled: The user asked to stop.
        EvaluationError: The model does not segment, or not these contrasts, its answer is not
            finite, memory does not suffice, or a network with a grid of its own is to see windows.
        UnlearnError: An image is empty or constant.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    check_segments(card)
    ordered = in_order(subject, card)
    shape = card.volumes.shape if card.volumes else None
    windows = _windows(card, ordered, shape, torch.device(device), window, overlap)
    prepared, plan = prepare(ordered, shape)
    model.eval()
    size = "x".join(map(str, windows.size))
    with (
        memory_said(f"segmenting {subject.subject} ({size})", device),
        interruptible(model, cancel),
    ):
        for event in label_by_windows(model, prepared.images, windows, device, precision):
            if isinstance(event, Windowed):
                yield event
            else:
                yield restore(event, plan)


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


def _windows(
    card: Card,
    subject: Subject3D,
    own: Triple | None,
    device: torch.device,
    wanted: Triple | None,
    overlap: float,
) -> Windows:
    """The whole grid of an ordinary volume, if it fits, else windows that do.

    To count takes two seconds, so only where it may matter.

    Raises:
        EvaluationError: Neither fits, with what is needed and what is free; or windows are wanted
            of a network that sees the whole head on a grid of its own.
    """
    grid = own or subject.shape
    if wanted is not None and own is not None:
        raise EvaluationError(
            f"{_name(card)} was trained on whole volumes, brought to {'x'.join(map(str, own))} "
            "voxels; windows of a volume are nothing it has seen."
        )
    if wanted is not None:
        return Windows(_within(wanted, grid), overlap)
    free = free_memory(device)
    with torch.device("meta"):
        model = cast(Med3D, build(card.architecture, card.parameters))
    widest = max(part.out_channels for part in model.modules() if isinstance(part, nn.Conv3d))
    voxels = float(np.prod(grid, dtype=float))
    ordinary = own is not None or voxels <= _WHOLE
    if ordinary and voxels * widest * _CROWD < free:
        return Windows(grid)
    shape = (1, len(subject.channels), *grid)
    counted = forward_memory(lambda: build(card.architecture, card.parameters), shape)
    needed = round(MARGIN * counted.activations)
    if ordinary and needed <= free:
        return Windows(grid)
    found = None if own else fitting(grid, needed / voxels, free)
    if found is None:
        raise EvaluationError(
            f"{subject.subject}: to segment {'x'.join(map(str, grid))} voxels {_name(card)} takes "
            f"up to {amount(needed)} of memory beside its weights, {amount(free)} are free "
            f"on {device_name(device)}; close other programs, or choose another device or a "
            "smaller model."
        )
    return replace(found, overlap=overlap)


def _within(wanted: Triple, grid: Triple) -> Triple:
    depth, rows, columns = (min(pair) for pair in zip(wanted, grid, strict=True))
    return depth, rows, columns


def _nameless(channels: tuple[str, ...]) -> bool:
    return all(_UNNAMED.fullmatch(channel) for channel in channels)


def _name(card: Card) -> str:
    return f"'{card.title}'" if card.title else "the model"
