"""Large files as they come from scanners and archives, made up: for measuring, not for looking."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
from numpy.typing import NDArray

from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.mri.arrays import centre_crop, root_sum_of_squares, to_kspace
from napari_unlearn.mri.scan import Header

FASTMRI_BRAIN = Header("large", 16, 20, 640, 368, 320, 320, (5.0, 0.6875, 0.6875), anatomy="brain")
"""600 MB of k-space, 6.6 MB of reference images."""

SMALL_SCAN = replace(FASTMRI_BRAIN, rows=160, columns=92, image_rows=80, image_columns=80)
"""A sixteenth of it, and the same shares."""


@dataclass(frozen=True)
class Disc:
    """A scan of one bright disc whose slices differ in brightness, made slice by slice."""

    header: Header
    stored: bool = True
    """Whether the file is to hold the reference images, as fastMRI's do but for its test sets."""
    acquired = None
    labels = None
    maximum = None

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Centred k-space of one slice, (coils, rows, columns)."""
        return self._middle * np.complex64(1 + index / self.header.slices)

    def target(self, index: int) -> NDArray[np.float32] | None:
        """Reference magnitude of one slice, (image_rows, image_columns)."""
        if not self.stored:
            return None
        return self._image * np.float32(1 + index / self.header.slices)

    @cached_property
    def _middle(self) -> NDArray[np.complex64]:
        header = self.header
        y, x = np.mgrid[: header.rows, : header.columns].astype(np.float32)
        disc = np.hypot(y - header.rows / 2, x - header.columns / 2) < header.columns / 3
        turns = np.exp(2j * np.pi * np.arange(header.coils) / header.coils)
        rng = np.random.default_rng(0)
        noise = rng.normal(scale=0.05, size=(2, *disc.shape))
        image = (disc + noise[0] + 1j * noise[1]).astype(np.complex64)
        return to_kspace(image * turns.astype(np.complex64)[:, None, None])

    @cached_property
    def _image(self) -> NDArray[np.float32]:
        image = root_sum_of_squares(self._middle)
        return centre_crop(image, self.header.image_rows, self.header.image_columns)


def write_large_scan(path: Path, header: Header = FASTMRI_BRAIN, *, stored: bool = True) -> Path:
    """Write a multi-coil file laid out as fastMRI's, slice by slice."""
    return write_fastmri(path, Disc(header, stored))


HEAD_CT = (300, 512, 512)
"""Slices, rows, columns of a large volume; 157 MB as stored."""

SMALL_HEAD = (32, 48, 48)


def write_large_head(path: Path, shape: tuple[int, int, int] = HEAD_CT) -> Path:
    """Write a volume of nested ellipsoids with noise as NIfTI, in the two bytes of a scanner."""
    depth, rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in shape)
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=20, size=shape[1:]).astype(np.float32)
    volume = np.empty(shape, np.int16)
    for index, height in enumerate(depth):
        apart = height + rows[:, None] + columns
        inside = (apart < 0.7).astype(np.int16) + (apart < 0.4) + (apart < 0.1)
        volume[index] = np.where(inside, 300 * inside + noise, 0)
    image = nib.Nifti1Image(volume.transpose(2, 1, 0), np.diag([0.5, 0.5, 0.6, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def write_small_segmenter(path: Path) -> Path:
    """Write a Med3D of one contrast with weights drawn at random, which sees any grid."""
    import torch

    from napari_unlearn.models.card import Card, Volumes
    from napari_unlearn.models.checkpoint import save_checkpoint
    from napari_unlearn.models.registry import build

    sizes = {"depth": 10, "classes": 4, "width": 4, "widest": 16, "stem_stride": 2}
    torch.manual_seed(0)
    volumes = Volumes(channels=("image",), classes=4, labels=("", "a", "b", "c"))
    card = Card(architecture="med3d", parameters=sizes, role="unlearned", volumes=volumes)
    save_checkpoint(path, build("med3d", sizes), card)
    return path


class BytesRead:
    """Counts what this process asks the system for from now on, from cache or from disk.

    Everything counts, the reads of libraries as well.
    """

    def __init__(self) -> None:
        self._before = _bytes_read()

    @property
    def so_far(self) -> int | None:
        """Bytes; None where the system does not count."""
        return None if self._before is None else (_bytes_read() or 0) - self._before


def _bytes_read() -> int | None:
    process = psutil.Process()
    if not hasattr(process, "io_counters"):
        return None
    return getattr(process.io_counters(), "read_chars", None)
