"""How the answer to "what is this file" is worded."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.kind import Kind
from napari_unlearn.io.volume import ImageVolume

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FileInfo:
    """The answer of `napari-unlearn info`."""

    kind: Kind
    text: str
    """One line for people."""
    facts: Facts
    """(name, value) in reading order."""


def count(number: int, noun: str) -> str:
    """Such as "3 slices"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shape(volume: ImageVolume) -> str:
    """Such as "48 slices of 240×240, 3×0.96×0.96 mm"."""
    slices, rows, columns = volume.data.shape
    return f"{count(slices, 'slice')} of {rows}×{columns}, {millimetres(volume.voxel_size)}"


def millimetres(size: tuple[float, float, float]) -> str:
    """Such as "3×0.96×0.96 mm"."""
    return "×".join(f"{length:.4g}" for length in size) + " mm"


def orientation(affine: NDArray[np.float64] | None) -> str:
    """Where (slice, row, column) grow towards, e.g. "slice R, row I, column P"."""
    if affine is None:
        return "not stated"
    towards = nib.aff2axcodes(affine)
    names = ("slice", "row", "column")
    return ", ".join(f"{name} {axis}" for name, axis in zip(names, towards, strict=True))
