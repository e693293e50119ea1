"""What every room means by a subject of a segmentation study: 3D images and a label map."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import UnlearnError


class Structure(IntEnum):
    """Label values of MRBrainS18 (Kuijf et al., mrbrains18.isi.uu.nl)."""

    BACKGROUND = 0
    CORTICAL_GREY = 1
    BASAL_GANGLIA = 2
    WHITE = 3
    LESION = 4
    CSF = 5
    """Outside the ventricles."""
    VENTRICLE = 6
    CEREBELLUM = 7
    BRAIN_STEM = 8
    INFARCTION = 9
    OTHER = 10


STRUCTURE_NAMES = (
    "background",
    "cortical grey matter",
    "basal ganglia",
    "white matter",
    "white-matter lesions",
    "CSF outside the ventricles",
    "ventricles",
    "cerebellum",
    "brain stem",
    "infarction",
    "other",
)
"""Of the label values 0 to 10."""

CONTRASTS = ("T1", "T1-IR", "FLAIR")
"""Channels of an MRBrainS18 subject, in the order in which we stack them."""


def structure_name(label: int, names: Sequence[str] = STRUCTURE_NAMES) -> str:
    """Name of a label value, else its number."""
    return names[label] if label < len(names) else f"label {label}"


@dataclass(frozen=True)
class Subject3D:
    """One person's registered volumes, in memory.

    All channels and the labels share one grid, (depth, rows, columns): slices upwards, rows
    to posterior and columns to the patient's left, as far as the affine's angles allow.

    Raises:
        UnlearnError: if shapes, names or number of channels contradict each other.
    """

    subject: str
    """Pseudonymous id; also the name of its files: letters, digits, dot, dash, underscore."""
    images: NDArray[np.float32] = field(repr=False)
    """(channels, depth, rows, columns)"""
    labels: NDArray[np.uint8] | None = field(repr=False)
    """(depth, rows, columns); None if nobody has labelled the subject."""
    affine: NDArray[np.float64] = field(compare=False)
    """Voxel index (depth, row, column, 1) to scanner position RAS+ [mm], (4, 4)."""
    channels: tuple[str, ...] = CONTRASTS
    source: str = ""
    """Path of the first file, or how the subject was made."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.-]*", self.subject):
            raise UnlearnError(
                f"'{self.subject}' is no subject id; letters, digits, dots, dashes and "
                "underscores are accepted."
            )
        if self.images.ndim != 4 or len(self.images) != len(self.channels):
            raise UnlearnError(
                f"{self.subject}: images of shape {self.images.shape} for channels "
                f"{', '.join(self.channels)}; (channels, depth, rows, columns) is expected."
            )
        if self.labels is not None and self.labels.shape != self.shape:
            raise UnlearnError(
                f"{self.subject}: labels of shape {self.labels.shape} for images of shape "
                f"{self.shape}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, rows and columns."""
        depth, rows, columns = self.images.shape[1:]
        return depth, rows, columns

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (depth, row, column) [mm]."""
        depth, row, column = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return depth, row, column
