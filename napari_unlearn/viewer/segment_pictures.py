"""What the tiles of the Segment dock show, before any window exists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.viewer.pictures import sample
from napari_unlearn.viewer.segment_result import Labelled, LabelledArm, Labels, disagreement


class Disagreement:
    """An array for napari in which a voxel is compared when it is looked at.

    To compare whole volumes takes longer than a window may stand still.

    Args:
        labels: (depth, rows, columns)
        reference: Same shape.
        only: The one structure to compare; None compares all.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, labels: Labels, reference: Labels, only: int | None) -> None:
        self._labels, self._reference, self._only = labels, reference, only
        self.shape, self.ndim, self.size = labels.shape, labels.ndim, labels.size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Labels:
        """Kinds of disagreement where the key points."""
        own, other = self._labels[key], self._reference[key]
        return disagreement(np.asarray(own), np.asarray(other), self._only)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        """All of it, for whoever cannot do with less, as a picture in 3D."""
        return np.asarray(self[:], dtype=dtype)


@dataclass(frozen=True, eq=False)
class LabelPicture:
    """One tile."""

    name: str
    """Of the model, or the ground truth."""
    labels: Labels
    figures: str = ""
    """Behind the name in the caption, e.g. "Dice 0.66"."""
    against: Labels | None = None
    """What disagreement is measured against; None shows none."""

    @property
    def caption(self) -> str:
        """Name and figures."""
        return f"{self.name} · {self.figures}" if self.figures else self.name

    def disagreement(self, only: int | None) -> "Labels | Disagreement":
        """How the labels differ from the reference, over all structures or in one."""
        if self.against is None:
            return np.broadcast_to(np.uint8(0), self.labels.shape)
        return Disagreement(self.labels, self.against, only)


@dataclass(frozen=True, eq=False)
class LabelBoard:
    """All tiles of one subject."""

    subject: Subject3D
    pictures: tuple[LabelPicture, ...]
    structures: tuple[int, ...] = field(default=())
    """Labels that may occur."""


def board_of(
    labelled: Labelled, names: Sequence[str] = (), live: LabelPicture | None = None
) -> LabelBoard:
    """Show the truth, what models made, and a model that is still learning.

    Disagreement is with the oracle, without one with the truth.

    Args:
        labelled: What is known by now.
        names: Of the models to show; those that have not run yet wait in an empty tile. Empty
            shows those that have run.
        live: Shown until the model of that name has run, in the last tile if it is not listed.
    """
    done = {
        arm.name: LabelPicture(arm.name, arm.labels, _figures(arm), against(labelled, arm))
        for arm in labelled.arms
    }
    if live is not None:
        done.setdefault(live.name, live)
    blank = np.zeros(labelled.subject.shape, np.uint8)
    shown = dict.fromkeys((*names, *([] if live is None else [live.name]))) if names else done
    arms = [done.get(name) or LabelPicture(name, blank, "…") for name in shown]
    truth = labelled.truth
    first = [] if truth is None else [LabelPicture(truth.name, truth.labels)]
    pictures = [*first, *arms] or [LabelPicture(labelled.subject.subject, blank)]
    return LabelBoard(labelled.subject, tuple(pictures), labelled.structures)


def against(labelled: Labelled, arm: LabelledArm | None = None) -> Labels | None:
    """What a model's labels are held against: the oracle's, else the truth; None for itself."""
    reference = labelled.oracle or labelled.truth
    return None if reference is None or reference is arm else reference.labels


def grey_limits(image: NDArray[np.float32]) -> tuple[float, float]:
    """Values shown as black and as white: a lone bright voxel must not rule."""
    low, high = (float(each) for each in np.percentile(sample(image), (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)


def _figures(arm: LabelledArm) -> str:
    dice = arm.mean_dice
    return "" if dice is None else f"Dice {dice:.2f}"
