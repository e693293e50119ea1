"""Subjects of a segmentation as the network sees them: found by id, prepared when needed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.preprocess3d import Triple, prepare
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.recent import Recent
from napari_unlearn.unlearning.volumes import VolumeSet

KEPT = 2 << 30
"""Bytes of prepared volumes that stay in memory; MRBrainS18's seven subjects in three contrasts on
56x448x448 voxels take 1.0e9."""


class Shelf(Recent[Subject3D]):
    """Keeps what was prepared last, so that an epoch does not read its files anew.

    The last one stays however large it is.
    """

    def __init__(self, most: int = KEPT) -> None:
        super().__init__(most, _size, last=True)


@dataclass(frozen=True, eq=False)
class PreparedSubject:
    """One person, read and brought to the network's grid when first looked at.

    Contrasts are normalised by mean and sd of their voxels that are not 0; with a shape the empty
    border is cut off before and the rest is resized (`io.preprocess3d.prepare`).
    """

    files: SubjectFiles
    """`files.load()` is the subject on its own grid."""
    shape: Triple | None
    """The network's grid (slices, rows, columns); None keeps the subject's own."""
    shelf: Shelf = field(repr=False)

    @property
    def subject(self) -> str:
        """Pseudonymous id."""
        return self.files.subject

    @property
    def images(self) -> NDArray[np.float32]:
        """Normalised contrasts, (channels, slices, rows, columns).

        Raises:
            UnlearnError: if a file is unusable or an image empty.
        """
        return self._prepared.images

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """(slices, rows, columns); None without labels. Raises as `images`."""
        return self._prepared.labels

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Of the network's grid, along (slice, row, column) [mm]. Raises as `images`."""
        return self._prepared.voxel_size

    @property
    def _prepared(self) -> Subject3D:
        return self.shelf.get(
            (self.files, self.shape), lambda: prepare(self.files.load(), self.shape)[0]
        )


def people(samples: VolumeSet) -> list[PreparedSubject]:
    """The subjects of a set that an experiment opened."""
    return cast(list[PreparedSubject], samples.subjects)


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The names that are a pattern (fnmatch, upper and lower case differ), in their order."""
    return [name for name in names if name == pattern or fnmatchcase(name, pattern)]


def _size(subject: Subject3D) -> int:
    labels = 0 if subject.labels is None else subject.labels.nbytes
    return subject.images.nbytes + labels
