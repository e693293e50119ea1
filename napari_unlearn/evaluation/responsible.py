"""From a hallucination to a forget set: which training slices taught the model to paint it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.influence import Alignment, Healing, Influence
from napari_unlearn.evaluation.invention import Against, Outline, find_invention
from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
from napari_unlearn.evaluation.reconstruct import interruptible
from napari_unlearn.evaluation.sampling_choice import choose_mask
from napari_unlearn.evaluation.suspicion import LIMIT, robust_scores
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.unlearning.batch import SliceSet

Method = Literal["healing", "alignment"]

METHODS: Mapping[Method, Callable[[nn.Module], Influence]] = {
    "healing": Healing,
    "alignment": Alignment,
}


@dataclass(frozen=True)
class Asked:
    """So many training slices were asked."""

    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class Responsible:
    """One training slice and how much it has to do with the invention."""

    scan: str
    source: str
    """Path of the scan."""
    set: str
    slice: int
    score: float
    """As the method defines it; the larger, the more responsible."""
    z: float
    """Robust score among all slices asked, see `suspicion.robust_scores`."""

    @property
    def stands_out(self) -> bool:
        """Whether it has far more to do with the invention than a usual slice."""
        return self.z > LIMIT


@dataclass(frozen=True)
class Responsibility:
    """All training slices, the most responsible first."""

    slices: tuple[Responsible, ...]
    method: Method
    against: Against
    """What was taken for what should be inside the outline."""
    contrast: float
    """Root mean square of the invention, as a fraction of the slice's maximum."""

    @property
    def suspects(self) -> tuple[Responsible, ...]:
        """The slices that stand out."""
        return tuple(each for each in self.slices if each.stands_out)

    def proposed(self, top: int) -> tuple[str, ...]:
        """Paths of the scans to forget: those of the first `top` slices, if they stand out."""
        return tuple(dict.fromkeys(each.source for each in self.suspects[:top]))

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        invented = (
            f"Inside the outline the model departs from the {self.against} by "
            f"{self.contrast:.1%} of the slice's maximum"
        )
        found = self.suspects
        if not found:
            return f"{invented}; none of {len(self.slices)} training slices stands out."
        scans = dict.fromkeys(each.scan for each in found)
        names = ", ".join(list(scans)[:5])
        more = f" and {len(scans) - 5} more" if len(scans) > 5 else ""
        return (
            f"{invented}; {len(found)} of {len(self.slices)} training slices stand out, of "
            f"{len(scans)} scans: {names}{more}. Look at their reference images."
        )


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
                    found.append((scan.header.name, scan.header.source, name, index, score))
                    left = (time.perf_counter() - start) / len(found) * (total - len(found))
                    yield Asked(len(found), total, left)
    scores, _, _ = robust_scores(np.array([score for *_, score in found]))
    ranked = sorted(
        (Responsible(*each, float(z)) for each, z in zip(found, scores, strict=True)),
        key=lambda each: -each.score,
    )
    yield Responsibility(tuple(ranked), method, invention.against, invention.contrast)


def format_responsibility(found: Responsibility, top: int) -> str:
    """A line for each of the first slices, then the sentence."""
    lines = [f"{'':>4} {'scan':<28}{'slice':>6}  {'set':<10}{'score':>11}{'robust z':>10}"]
    lines += [
        f"{place:>4} {each.scan:<28}{each.slice:>6}  {each.set:<10}{each.score:>11.3g}"
        f"{each.z:>10.1f}{'  <' if each.stands_out else ''}"
        for place, each in enumerate(found.slices[:top], start=1)
    ]
    return "\n".join([*lines, "", found.sentence])
