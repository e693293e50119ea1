"""What one step of segmentation sees: a whole labelled volume of one subject."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unlearn.errors import UnlearnError


class Subject(Protocol):
    """One person: contrasts of one grid and, if somebody drew them, labels."""

    @property
    def subject(self) -> str:
        """Pseudonymous id."""

    @property
    def images(self) -> NDArray[np.float32]:
        """Normalised contrasts, (channels, slices, rows, columns)."""

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """Structure by number, 0 the background, (slices, rows, columns); None if unknown."""

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Along (slice, row, column) [mm]."""


@dataclass(frozen=True)
class VolumeBatch:
    """Volumes and what a model should make of them."""

    image: Tensor
    """(batch, channels, slices, rows, columns)"""
    target: Tensor
    """Labels, (batch, slices, rows, columns) of whole numbers, or weights of the classes,
    (batch, classes, slices, rows, columns)."""
    classes: int
    """The background among them."""

    @property
    def drawn(self) -> bytes:
        """Nothing."""
        return b""

    def to(self, device: torch.device) -> "VolumeBatch":
        """The same batch on another device."""
        return replace(self, image=self.image.to(device), target=self.target.to(device))

    def with_target(self, target: Tensor) -> "VolumeBatch":
        """The same image with another target."""
        return replace(self, target=target)


class VolumeSet:
    """Labelled volumes of several subjects, addressed by one number."""

    def __init__(self, subjects: Sequence[Subject], classes: int) -> None:
        self.subjects = list(subjects)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.subjects)

    def __add__(self, other: "VolumeSet") -> "VolumeSet":
        return VolumeSet(self.subjects + other.subjects, self.classes)

    def subset(self, fraction: float, seed: int) -> "VolumeSet":
        """A random share of the subjects, at least one; the same for the same seed."""
        count = max(1, round(fraction * len(self)))
        order = np.random.default_rng((seed, 20)).permutation(len(self))
        return VolumeSet([self.subjects[place] for place in sorted(order[:count])], self.classes)

    @property
    def lines(self) -> Iterator[str]:
        """Subject and number of classes."""
        for subject in self.subjects:
            yield f"{subject.subject} {self.classes}\n"

    @property
    def about(self) -> dict[str, Any]:
        """Nothing: k-space and sampling, which a card has words for, are unknown here."""
        return {}

    def batch(self, place: int, seed: int | None = None) -> VolumeBatch:
        """One subject.

        Args:
            place: number of the subject in this set.
            seed: unused, as nothing is drawn.

        Raises:
            UnlearnError: if the subject's labels are missing or unusable, or its image is not
                finite.
        """
        subject = self.subjects[place]
        image, labels = subject.images, subject.labels
        if labels is None:
            raise UnlearnError(
                f"{subject.subject}: no labels; training and testing a segmentation need them."
            )
        if labels.shape != image.shape[1:]:
            raise UnlearnError(
                f"{subject.subject}: labels {labels.shape} and image {image.shape[1:]} do not lie "
                "on one grid."
            )
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= self.classes:
            raise UnlearnError(
                f"{subject.subject}: labels from {lowest} to {highest}; the network knows "
                f"{self.classes} classes, 0 to {self.classes - 1}."
            )
        if not np.isfinite(image).all():
            raise UnlearnError(f"{subject.subject}: the image holds values that are not finite.")
        return VolumeBatch(
            image=torch.from_numpy(np.ascontiguousarray(image, np.float32))[None],
            target=torch.from_numpy(np.ascontiguousarray(labels, np.int64))[None],
            classes=self.classes,
        )
