"""One subject of a segmentation study on disk, read when it is needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.label_volume import (
    MRBRAINS_VALUES,
    distance_apart,
    read_labels,
    same_place,
    write_labels,
)
from napari_unlearn.io.nifti import read_nifti, write_nifti
from napari_unlearn.io.volume import ImageVolume, odd_numbers
from napari_unlearn.mri.subject3d import Subject3D


@dataclass(frozen=True)
class SubjectFiles:
    """Where a subject's channels and labels lie; nothing is read before `load`."""

    subject: str
    images: tuple[tuple[str, Path], ...]
    """(channel, file) in the order in which channels are stacked."""
    labels: Path | None = None
    allowed: tuple[int, ...] | None = MRBRAINS_VALUES
    """Values that the label map may hold; None accepts 0 to 255."""

    def load(self) -> Subject3D:
        """Read all channels and the labels.

        Raises:
            ReadError: if a file is unusable, or the files do not share one grid.
        """
        volumes = [read_nifti(path, volume=None, axial=True) for _, path in self.images]
        first = volumes[0]
        for volume in volumes[1:]:
            self._check_grid(first, volume)
        labels = None
        if self.labels is not None:
            drawn = read_labels(self.labels, self.allowed)
            self._check_grid(first, drawn)
            labels = drawn.data
        return Subject3D(
            subject=self.subject,
            images=np.stack([_finite(volume) for volume in volumes]),
            labels=labels,
            affine=first.position,
            channels=tuple(channel for channel, _ in self.images),
            source=first.source,
        )

    def _check_grid(self, first: ImageVolume, other: ImageVolume) -> None:
        pair = f"subject {self.subject}: {first.source} and {other.source}"
        if first.data.shape != other.data.shape:
            raise ReadError(
                f"{pair} have shapes {first.data.shape} and {other.data.shape} (depth, rows, "
                "columns); all files of a subject must share one grid."
            )
        here, there = first.position, other.position
        if not same_place(here, there, first.data.shape):
            apart = distance_apart(here, there, first.data.shape)
            raise ReadError(
                f"{pair} lie up to {apart:.1f} mm apart by their affines; all files of a subject "
                "must share one grid."
            )


def write_subject(folder: str | Path, subject: Subject3D) -> SubjectFiles:
    """Write `images/<id>_<channel>.nii.gz` and `labels/<id>.nii.gz` below a folder.

    Raises:
        UnlearnError: if a file cannot be written.
    """
    folder = Path(folder)
    images = []
    for channel, image in zip(subject.channels, subject.images, strict=True):
        path = folder / "images" / f"{subject.subject}_{channel}.nii.gz"
        write_nifti(path, ImageVolume(path.name, image, affine=subject.affine))
        images.append((channel, path))
    labels = None
    if subject.labels is not None:
        labels = folder / "labels" / f"{subject.subject}.nii.gz"
        write_labels(labels, subject.labels, subject.affine)
    return SubjectFiles(subject.subject, tuple(images), labels)


def by_subject(found: Iterable[SubjectFiles]) -> tuple[SubjectFiles, ...]:
    """Sort by id.

    Raises:
        ReadError: if two entries have the same id.
    """
    ordered = sorted(found, key=lambda files: files.subject)
    for files, following in pairwise(ordered):
        if files.subject == following.subject:
            raise ReadError(
                f"{following.images[0][1]}: there is another subject {files.subject}, "
                f"{files.images[0][1]}; every subject needs an id of its own."
            )
    return tuple(ordered)


def _finite(volume: ImageVolume) -> NDArray[np.float32]:
    image = np.asarray(volume.data, dtype=np.float32)
    if wrong := odd_numbers(image):
        raise ReadError(f"{volume.source}: holds {wrong}; finite numbers are expected.")
    return image
