"""Heads of a few voxels: a ball with a smaller one inside, each subject's a little different."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES, SIZE = 4, 16
TINY_MED3D = {
    "depth": 10,
    "in_channels": 2,
    "classes": CLASSES,
    "width": 2,
    "widest": 4,
    "stem_stride": 2,
}


@dataclass(frozen=True)
class Head:
    subject: str
    images: NDArray
    labels: NDArray | None


def head(seed, size=SIZE):
    rng = np.random.default_rng(seed)
    grid = np.moveaxis(np.indices((size,) * 3), 0, -1) - (size - 1) / 2
    labels = np.zeros((size,) * 3, np.uint8)
    outer, inner = rng.uniform(0.35, 0.45), rng.uniform(0.15, 0.22)
    labels[np.linalg.norm(grid, axis=-1) < outer * size] = 1
    labels[np.linalg.norm(grid - rng.uniform(-1, 1, 3), axis=-1) < inner * size] = 2
    contrasts = np.stack([labels == 1, labels == 2]).astype(np.float32)
    contrasts += rng.normal(0, 0.3, contrasts.shape).astype(np.float32)
    return Head(f"head {seed}", contrasts, labels)
