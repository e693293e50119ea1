"""Which training scans a model contradicts, told from measured data alone: no oracle, no truth.

Where a model has learnt to paint something that the scanner did not measure, its k-space
strays from the acquired lines. The scans on which that happens most are those to look at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.outliers import LIMIT, robust_scores
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.pseudonym import Pseudonyms
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.task import Reconstruction


@dataclass(frozen=True)
class Suspect:
    """One scan under a model."""

    scan: str
    set: str
    slices: int
    misfit: float
    """||M (k_hat - g)|| / ||g||, mean over the slices."""
    z: float
    """Robust score among all the scans asked about, see `outliers.robust_scores`."""

    @property
    def stands_out(self) -> bool:
        """Whether the model strays from this scan's data far more than from the others'."""
        return self.z > LIMIT


@dataclass(frozen=True)
class Suspicion:
    """All scans asked about, the most suspicious first."""

    scans: tuple[Suspect, ...]
    usual: float
    """Misfit of an inconspicuous scan."""
    deviation: float
    """Robust standard deviation around it."""

    def called(self, names: Pseudonyms) -> "Suspicion":
        """The same under other names."""
        scans = tuple(replace(scan, scan=names.of("scan", scan.scan)) for scan in self.scans)
        return replace(self, scans=scans)

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        found = [scan for scan in self.scans if scan.stands_out]
        where = f"{self.usual:.3f} ± {self.deviation:.3f} as usual"
        if not found:
            return (
                f"None of {len(self.scans)} scans stands out: the model strays from the measured "
                f"lines by {where}."
            )
        names = ", ".join(scan.scan for scan in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        return (
            f"On {len(found)} of {len(self.scans)} scans the model strays from the measured "
            f"lines by {found[-1].misfit:.3f} or more, against {where}: {names}{more}. "
            "Look at their reference images."
        )


def find_suspects(
    checkpoint: Path,
    sets: Mapping[str, SliceSet],
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | Suspicion]:
    """Rank scans by how far a model's k-space strays from their acquired lines.

    The scores bear nearly half of the scans being contaminated. What is learnt from some
    scans shows on clean scans of the same kind as well: a high figure is a reason to look,
    not a verdict.

    Args:
        checkpoint: The model, usually the original.
        sets: Usually the retain and the forget set, by name.
        device: As everywhere.
        cancel: Looked at between two slices.

    Yields:
        (done, total) slices, and at last the result.

    Raises:
        UnlearnError: no scans, or an unreadable checkpoint or scan.
        Cancelled: if asked to stop.
    """
    cancel, place = cancel or CancelToken(), resolve_device(device)
    model, _ = load_checkpoint(checkpoint, place)
    model.eval()
    task, total = Reconstruction(), sum(len(samples) for samples in sets.values())
    misfits: dict[tuple[str, str], list[float]] = {}
    done = 0
    for name, samples in sets.items():
        for number, (scan, _) in enumerate(samples.slices):
            cancel.check()
            with torch.no_grad():
                value = float(task.misfit(model, samples.batch(number).to(place)))
            misfits.setdefault((name, scan.header.name), []).append(value)
            done += 1
            yield done, total
    if not misfits:
        raise EvaluationError("There are no scans to look at; the sets are empty.")
    values = np.array([np.mean(found) for found in misfits.values()])
    scores, usual, deviation = robust_scores(values)
    scans = (
        Suspect(scan, name, len(found), float(value), float(score))
        for ((name, scan), found), value, score in zip(misfits.items(), values, scores, strict=True)
    )
    yield Suspicion(tuple(sorted(scans, key=lambda scan: -scan.misfit)), usual, deviation)


def format_suspicion(found: Suspicion) -> str:
    """A line per scan, then the sentence."""
    lines = [f"{'scan':<28}{'set':<10}{'slices':>7}{'misfit':>9}{'robust z':>10}"]
    lines += [
        f"{scan.scan:<28}{scan.set:<10}{scan.slices:>7}{scan.misfit:>9.4f}{scan.z:>10.1f}"
        f"{'  <' if scan.stands_out else ''}"
        for scan in found.scans
    ]
    return "\n".join([*lines, "", found.sentence])
