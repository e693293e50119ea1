"""Small studies on disk: images whose arm can be told from their numbers, never from the window."""

from pathlib import Path

import numpy as np

from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.reading.make import find_cases, make_study

ARMS = ("firstmodel", "oracle", "zerofilled")
"""No words of napari's own: "original" stands on one of its buttons."""

VOXEL = (5.0, 2.0, 1.0)
SHAPE = (4, 20, 24)


def level(case: int, arm: str) -> float:
    """What every pixel of an image is, so that a test knows which one it sees."""
    return 10.0 * (case + 1) + ARMS.index(arm)


def write_images(folder: Path, cases: int = 6) -> Path:
    """CASE/ARM.nii.gz, each filled with its `level`."""
    for case in range(cases):
        for arm in ARMS:
            path = folder / f"head-{case}" / f"{arm}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = np.full(SHAPE, level(case, arm), np.float32)
            write_nifti(path, ImageVolume(arm, data, VOXEL))
    return folder


def write_study(folder: Path, cases: int = 6, **options):
    """A study of some cases and the arms above."""
    images = write_images(folder / "images", cases)
    return make_study(folder, find_cases(images), name="Six heads", **options)


class Clock:
    """Stands still unless it is told otherwise."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def run(self, seconds: float) -> None:
        self.time += seconds
