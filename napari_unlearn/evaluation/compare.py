"""Run several models on one scan and tell what happens.

Importing this file is cheap: torch and the models come in when the work starts, in the
worker and not in the window's thread.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.comparison import (
    ArmResult,
    Compared,
    CompareEvent,
    Reconstructed,
    Role,
)
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE, MODES, Mode, find_mode
from napari_unlearn.evaluation.marking import check_rule
from napari_unlearn.mri.scan import Header, Scan

if TYPE_CHECKING:
    from napari_unlearn.evaluation.assemble import Reference
    from napari_unlearn.models.card import Card
    from napari_unlearn.mri.sampling import Mask, Sampling


@dataclass(frozen=True)
class Arm:
    """A model that takes part."""

    name: str
    """Short caption, e.g. "Unlearned DC"."""
    role: Role
    path: Path
    """Its checkpoint."""


def compare(
    scan: Scan,
    arms: Sequence[Arm],
    *,
    sampling: "Sampling | None" = None,
    device: str = "cpu",
    cancel: CancelToken,
    threshold: float | None = None,
    reference: "Reference" = "truth",
    mode: str = DEFAULT_MODE,
    lam: float | None = None,
    rule: str | None = None,
) -> Iterator[CompareEvent]:
    """Reconstruct a scan with every model, then judge them against the reference.

    All checkpoints are opened before the first slice is computed, so that a broken one
    costs no waiting. A scan that is undersampled keeps its own lines; else `sampling`
    decides, else the sampling of the first card that states one.

    Args:
        scan: Read slice by slice.
        arms: The models, in the order of their tiles; names differ.
        sampling: How to undersample a fully sampled scan.
        device: As `models.device.resolve_device` takes it.
        cancel: Looked at before every layer of a network.
        threshold: Of the highlights, fraction of the maximum; None calibrates on the oracle.
        reference: What errors are measured against.
        mode: Which map is highlighted, of `hallucination.MODES`. A map that needs the models'
            k-space is made slice by slice, all models on the device at once.
        lam: Of the maps that it enters; None derives it from the data.
        rule: How the threshold is found, of `thresholds.RULES`; None: that of the map's authors
            if they gave one, else "oracle".

    Yields:
        `Reconstructed` after each slice of each arm, at last `Compared`.

    Raises:
        Cancelled: The user asked to stop.
        WrongUse: No such mode, no such rule for it, or a lambda for a map without.
        UnlearnError: One sentence about arms, checkpoints, sampling, device, memory or what the
            mode lacks.
    """
    import torch

    from napari_unlearn.evaluation.assemble import assemble
    from napari_unlearn.evaluation.reconstructing import ModelByModel, SliceBySlice
    from napari_unlearn.evaluation.sampling_choice import choose_mask
    from napari_unlearn.models.device import resolve_device
    from napari_unlearn.models.load import load_model

    _check(arms, reference)
    look = find_mode(mode)
    check_rule(look, rule)
    _check_lambda(look, lam)
    place = resolve_device(device)
    header = scan.header
    models, cards = [], []
    for arm in arms:
        cancel.check()
        model, card = load_model(arm.path, "cpu")
        models.append(model)
        cards.append(card)
    mask = choose_mask(scan, sampling, cards)
    remarks = list(_remarks(header, arms, cards, mask))
    oracle = next((i for i, arm in enumerate(arms) if arm.role == "oracle"), None)
    images: list[list[NDArray[np.float32]]] = [[] for _ in arms]
    seconds = [0.0] * len(arms)
    truth: list[NDArray[np.float32] | None] = []
    done, total = 0, len(arms) * header.slices
    work: ModelByModel | SliceBySlice
    if look.uses_kspace:
        work = SliceBySlice(
            scan,
            models,
            mask,
            place,
            cancel,
            mode=look,
            lam=lam,
            oracle=oracle,
            against_oracle=reference == "oracle",
        )
    else:
        work = ModelByModel(scan, models, mask, place, cancel)
    models.clear()
    try:
        for number, index in work.places():
            start = time.perf_counter()
            if number == 0:
                # read on the way: an unreadable reference shows before the work is done
                truth.append(scan.target(index))
            image = work.image(number, index)
            seconds[number] += time.perf_counter() - start
            done += 1
            images[number].append(image)
            yield Reconstructed(number, index, image, done, total, _left(seconds, done, total))
        maps = work.maps()
    finally:
        work.close()
        if place.type == "cuda":
            torch.cuda.empty_cache()
    cancel.check()
    results = [
        _drawn(arm, np.stack(own), spent)
        for arm, own, spent in zip(arms, images, seconds, strict=True)
    ]
    yield Compared(
        assemble(
            header,
            results,
            _stacked(truth),
            mask.lines.numpy(),
            reference=reference,
            threshold=threshold,
            calibrated=None if oracle is None else cards[oracle].metrics.get("error_p99"),
            remarks=remarks,
            mode=mode,
            rule=rule,
            kspace_maps=maps,
        )
    )


def _left(seconds: Sequence[float], done: int, total: int) -> float:
    return sum(seconds) / done * (total - done)


def _check_lambda(mode: Mode, lam: float | None) -> None:
    if lam is None:
        return
    if not mode.uses_lambda:
        users = ", ".join(name for name, each in MODES.items() if each.uses_lambda)
        raise WrongUse(f"Lambda does not enter the {mode.title}; it enters: {users}.")
    if not 0 < lam < float("inf"):
        raise WrongUse(f"Lambda {lam:g} must be a finite number above 0.")


def _check(arms: Sequence[Arm], reference: str) -> None:
    if not arms:
        raise EvaluationError("There is nothing to compare: choose at least one model.")
    names = [arm.name for arm in arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EvaluationError(f"Two models are called '{twice}'; give each its own name.")
    if reference == "oracle" and not any(arm.role == "oracle" for arm in arms):
        raise EvaluationError("No oracle among the models: it cannot serve as the reference.")


def _drawn(arm: Arm, images: NDArray[np.float32], seconds: float) -> ArmResult:
    return ArmResult(
        name=arm.name,
        role=arm.role,
        images=images,
        errors=None,
        highlights=None,
        regions=(),
        quality=None,
        slice_quality=(),
        model=str(arm.path),
        seconds=seconds,
    )


def _stacked(slices: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    whole = [image for image in slices if image is not None]
    return np.stack(whole) if len(whole) == len(slices) else None


def _remarks(
    header: Header, arms: Sequence[Arm], cards: "Sequence[Card]", mask: "Mask"
) -> Iterator[str]:
    from napari_unlearn.evaluation.sampling_choice import misfit_remarks

    if header.simulated:
        yield "K-space of this scan was simulated, not measured."
    for arm, card in zip(arms, cards, strict=True):
        if card.role and arm.role != "other" and card.role != arm.role:
            yield f"{arm.name} takes part as {arm.role}, but its card says {card.role}."
    yield from misfit_remarks([arm.name for arm in arms], cards, header, mask)
