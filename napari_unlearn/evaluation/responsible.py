"""From a hallucination to a forget set: which training slices taught the model to paint it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.influence import Alignment, Healing, Influence
from napari_unlearn.evaluation.invention import Outline, find_invention
from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
from napari_unlearn.evaluation.outliers import robust_scores
from napari_unlearn.evaluation.reconstruct import interruptible
from napari_unlearn.evaluation.responsibility import Asked, Method, Responsibility, Responsible
from napari_unlearn.evaluation.sampling_choice import choose_mask
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.unlearning.batch import SliceSet

METHODS: Mapping[Method, Callable[[nn.Module], Influence]] = {
    "healing": Healing,
    "alignment": Alignment,
}


def find_responsible(
    checkpoint: Path,
    sets: Mapping[str, SliceSet],
    outline: Outline,
    *,
    sampling: Sampling | None = None,
    method: Method = "healing",
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[Asked | Responsibility]:
    """Rank training slices by how much they have to do with what a model invented.

    The same arguments give the same ranking: slices are undersampled as in evaluations, and
    nothing is drawn. Beside the network at most one copy of it and one slice are in memory.

    Args:
        checkpoint: The model that invented something, usually the original.
        sets: What it was trained on, by name.
        outline: Where it invented something.
        sampling: Of the outlined scan; None takes the model's own. A scan that was acquired
            undersampled keeps its lines.
        method: "healing" or "alignment", see `influence`.
        device: As everywhere.
        cancel: Looked at before every layer of the network.

    Yields:
        `Asked` after every step and slice, and at last the ranking.

    Raises:
        UnlearnError: an outline without anything invented inside, no training slices, or an
            unreadable checkpoint or scan.
        Cancelled: if asked to stop.
    """
    cancel, place = cancel or CancelToken(), resolve_device(device)
    total = sum(len(samples) for samples in sets.values())
    if not total:
        raise EvaluationError("There are no training slices to ask; the sets are empty.")
    model, card = load_checkpoint(checkpoint, place)
    header = outline.scan.header
    with memory_in_a_sentence(header, place):
        mask = choose_mask(outline.scan, sampling, [card])
        invention = find_invention(outline, model, mask, place, cancel)
        influence = METHODS[method](model)
        for _ in influence.prepare(invention):
            cancel.check()
            yield Asked(0, total)
        found: list[tuple[str, str, str, int, float]] = []
        start = time.perf_counter()
        with interruptible(model, cancel):
            for name, samples in sets.items():
                for number, (scan, index) in enumerate(samples.slices):
                    cancel.check()
                    score = influence.score(samples.batch(number).to(place))
                    if not np.isfinite(score):
                        raise EvaluationError(
                            f"{scan.header.name}: the loss on slice {index} is not finite; look "
                            "for empty or damaged slices in the training sets."
                        )
                    source = os.path.abspath(scan.header.source)
                    found.append((scan.header.name, source, name, index, score))
                    left = (time.perf_counter() - start) / len(found) * (total - len(found))
                    yield Asked(len(found), total, left)
    scores, _, _ = robust_scores(np.array([score for *_, score in found]))
    ranked = sorted(
        (Responsible(*each, float(z)) for each, z in zip(found, scores, strict=True)),
        key=lambda each: -each.score,
    )
    yield Responsibility(tuple(ranked), method, invention.against, invention.contrast)
