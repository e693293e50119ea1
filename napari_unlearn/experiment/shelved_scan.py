"""Scans simulated from image volumes, of which a set may hold more than memory does."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.image_scan import SimulatedScan
from napari_unlearn.io.open import open_scan
from napari_unlearn.mri.scan import Header, Scan
from napari_unlearn.recent import Recent

KEPT = 2 << 30
"""Bytes of image volumes that stay in memory, all sets of an experiment together."""


class Volumes(Recent[SimulatedScan]):
    """Keeps the volumes that were used last; the last one stays however large it is."""

    def __init__(self, most: int = KEPT) -> None:
        super().__init__(most, lambda scan: scan.volume.data.nbytes, last=True)


@dataclass(frozen=True, eq=False)
class ShelvedScan:
    """A `SimulatedScan` that is read anew when its volume is no longer in memory."""

    path: Path
    header: Header
    volumes: Volumes = field(repr=False)

    @property
    def acquired(self) -> NDArray[np.bool_] | None:
        """None: every column is measured."""
        return None

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """None: nobody knows the tissues."""
        return None

    @cached_property
    def maximum(self) -> float | None:
        """Largest value of the reference volume."""
        return self._scan.maximum

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Centred k-space of one slice, (coils, rows, columns)."""
        return self._scan.kspace(index)

    def target(self, index: int) -> NDArray[np.float32] | None:
        """Reference magnitude of one slice, (rows, columns)."""
        return self._scan.target(index)

    @property
    def _scan(self) -> Scan:
        return self.volumes.get(self.path, lambda: _simulated(self.path))


def open_shelved(path: Path, volumes: Volumes) -> Scan:
    """A scan whose numbers are in memory only while they are used.

    Raises:
        ReadError: if nothing there can be opened.
    """
    scan = open_scan(path)
    if not isinstance(scan, SimulatedScan):
        return scan
    volumes.get(path, lambda: scan)
    return ShelvedScan(path, scan.header, volumes)


def _simulated(path: Path) -> SimulatedScan:
    scan = open_scan(path)
    assert isinstance(scan, SimulatedScan)
    return scan
