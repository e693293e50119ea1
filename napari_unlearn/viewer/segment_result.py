"""What models made of a subject's volumes, and how it differs: numbers only, no window."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import Role
from napari_unlearn.mri.subject3d import Subject3D, structure_name

Labels = NDArray[np.uint8]
"""(depth, rows, columns), 0 the background"""

MISSING, EXTRA, OTHER = 1, 2, 3
"""Kinds of disagreement: background instead of a structure, a structure instead of background,
another structure."""

DISAGREEMENTS = {MISSING: "missing", EXTRA: "extra", OTHER: "other"}


@dataclass(frozen=True)
class StructureFigures:
    """One structure of one model."""

    volume: float
    """[ml]"""
    dice: float | None = None
    """Overlap with the ground truth; None without one, or if neither has the structure."""
    hd95: float | None = None
    """95th percentile of the distance between the surfaces, to the ground truth [mm]."""
    oracle_dice: float | None = None
    """Overlap with the oracle; None without one."""


@dataclass(frozen=True, eq=False)
class LabelledArm:
    """The labels of one model, or the ground truth."""

    name: str
    role: Role | None
    """None for the ground truth."""
    labels: Labels
    figures: Mapping[int, StructureFigures]
    """By label."""
    like_oracle: float | None = None
    """Share of equal voxels among those that it or the oracle calls a structure."""
    model: str = ""
    """Path of the checkpoint."""

    @property
    def mean_dice(self) -> float | None:
        """Mean over the structures that have one."""
        return mean([each.dice for each in self.figures.values()])


@dataclass(frozen=True, eq=False)
class Labelled:
    """Everything that is known of one subject: truth if there is one, then the models."""

    subject: Subject3D
    truth: LabelledArm | None
    arms: tuple[LabelledArm, ...] = field(default=())

    @property
    def columns(self) -> tuple[LabelledArm, ...]:
        """Truth and models, in the order of tiles and columns."""
        return self.arms if self.truth is None else (self.truth, *self.arms)

    @property
    def oracle(self) -> LabelledArm | None:
        """The first oracle; None if no model is one."""
        return next((arm for arm in self.arms if arm.role == "oracle"), None)

    @property
    def structures(self) -> tuple[int, ...]:
        """Labels that occur anywhere, the background left out."""
        found = {label for arm in self.columns for label in arm.figures}
        return tuple(sorted(found - {0}))

    def largest_slice(self, label: int) -> int | None:
        """The slice that holds most of a structure: the truth's if it has it, else all models'."""
        maps = [arm.labels for arm in self.columns]
        if self.truth is not None and label in self.truth.figures:
            maps = [self.truth.labels]
        areas = sum((each == label).sum(axis=(1, 2)) for each in maps)
        return int(np.argmax(areas)) if np.any(areas) else None


_SHORT = (
    "background",
    "grey matter",
    "basal ganglia",
    "white matter",
    "lesions",
    "CSF",
    "ventricles",
    "cerebellum",
    "brain stem",
    "infarction",
    "other",
)


def short_name(label: int) -> str:
    """Name of a label where there is little room."""
    return _SHORT[label] if label < len(_SHORT) else structure_name(label)


def disagreement(labels: Labels, reference: Labels, only: int | None = None) -> Labels:
    """Per voxel how labels differ from a reference: 0 not at all, `MISSING`, `EXTRA`, `OTHER`.

    Args:
        labels: (depth, rows, columns)
        reference: Same shape.
        only: Look at one structure and take all others for background; None looks at all.
    """
    if only is not None:
        labels, reference = labels == only, reference == only  # type: ignore[assignment]
    kinds = np.zeros(labels.shape, np.uint8)
    unequal = labels != reference
    kinds[unequal] = OTHER
    kinds[unequal & (labels == 0)] = MISSING
    kinds[unequal & (reference == 0)] = EXTRA
    return kinds


def mean(values: list[float | None]) -> float | None:
    """Mean of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
