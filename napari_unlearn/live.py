"""Unlearning that can be watched: the contaminated site, forgotten in seconds on a CPU."""

from collections.abc import Iterator
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.sampling_choice import sampling_of
from napari_unlearn.models.checkpoint import read_card
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.phantoms.protocols import CONTAMINATED_SITE, Protocol, scans
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.events import Event
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.strategies import ACQUIRED_LINES

STEPS = 70
SCALE = 1 / 6
"""Share of the protocol's subjects that is simulated anew; the steps see no more of them."""


def unlearn_contaminated_site(
    original: Path, folder: Path, cancel: CancelToken, steps: int = STEPS, scale: float = SCALE
) -> Iterator[Event]:
    """Make the original of the contaminated site forget the fault, on that site's own lines.

    The scans are the first of the very subjects that the original was trained on: phantoms
    are drawn from seeds, so the demo need not ship them.

    Args:
        original: checkpoint of the original.
        folder: receives `checkpoint.safetensors`.
        cancel: looked at between two scans and between two steps.
        steps: optimiser steps, each on one forget and one retain slice.
        scale: share of the protocol's subjects to draw.

    Raises:
        UnlearnError: if the checkpoint cannot be read or the result not be written.
    """
    card = read_card(original)
    sampling = sampling_of(card)
    if sampling is None:
        raise UnlearnError(f"{original}: its card does not say how its scans were undersampled.")
    protocol = CONTAMINATED_SITE.scaled(scale)
    retain, forget = (
        SliceSet(_draw(protocol, role, cancel), sampling) for role in ("retain", "forget")
    )
    job = Job(
        strategy=ACQUIRED_LINES,
        card=card.model_copy(
            update={
                "role": "unlearned",
                "title": "Unlearned live",
                "retain_scans": len(retain.scans),
                "forget_scans": len(forget.scans),
            }
        ),
        folder=folder,
        retain=retain,
        forget=forget,
        parent=original,
        steps=steps,
        learning_rate=7e-4,
    )
    yield from train(job, cancel)


def _draw(protocol: Protocol, role: str, cancel: CancelToken) -> list[MemoryScan]:
    found = []
    for scan_set in protocol.sets:
        if scan_set.role != role:
            continue
        for scan in scans(scan_set):
            cancel.check()
            found.append(scan)
    return found
