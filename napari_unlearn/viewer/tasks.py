"""What the window asks for, as Qt-free generators; torch is imported only when they run."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.comparison import Compared, CompareEvent, Comparison, Role
from napari_unlearn.mri.scan import Header, Scan

_PATIENCE = 0.3  # seconds without a picture

Reference = Literal["truth", "oracle"]


@dataclass(frozen=True)
class Model:
    """A checkpoint in the list of models."""

    name: str
    """Caption of its tile."""
    role: Role
    path: Path


@dataclass(frozen=True)
class Settings:
    """How to compare."""

    acceleration: int | None = None
    """Columns of k-space per acquired column; None undersamples as in training.

    A scan that was acquired undersampled keeps its own lines.
    """
    center_fraction: float = 0.04
    """Share of the columns that is fully sampled around DC; matters with `acceleration`."""
    device: str = "auto"
    device_name: str = "this machine"
    reference: Reference = "truth"
    """What errors are measured against."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A scan is open and its reference, if it has one, is read."""

    scan: Scan
    reference: NDArray[np.float32] | None
    """(slices, rows, columns)"""


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A scan whose reference takes long to read shows the slices that are there."""

    header: Header
    reference: NDArray[np.float32]
    """(slices, rows, columns), black where nothing is read yet; the very array of `Opened`."""
    done: int


@dataclass(frozen=True)
class Device:
    """A device to compute on."""

    key: str
    name: str


def opening(path: Path, cancel: CancelToken) -> Iterator[Glimpse | Opened]:
    """Open a scan and read its reference slice by slice, from the middle outwards.

    No more than one slice of k-space is in memory at a time, and none is read where the file
    holds the reference.
    """
    from napari_unlearn.io.open import open_scan

    scan = open_scan(path)
    header = scan.header
    began = time.monotonic()
    _ = scan.acquired  # remembered: the window asks for it, and must not read then
    reference = np.zeros((header.slices, header.image_rows, header.image_columns), np.float32)
    middle = header.slices // 2
    order = sorted(range(header.slices), key=lambda index: abs(index - middle))
    for done, index in enumerate(order, start=1):
        cancel.check()
        target = scan.target(index)
        if target is None:
            yield Opened(scan, None)
            return
        reference[index] = target
        if time.monotonic() - began > _PATIENCE:
            yield Glimpse(header, reference, done)
    yield Opened(scan, reference)


def comparing(
    scan: Scan,
    models: Sequence[Model],
    settings: Settings,
    cancel: CancelToken,
) -> Iterator[CompareEvent]:
    """Reconstruct a scan with every model and compare the results."""
    from napari_unlearn.evaluation.compare import Arm, compare
    from napari_unlearn.models.device import spare_a_core
    from napari_unlearn.mri.sampling import Sampling

    spare_a_core()
    sampling = None
    if settings.acceleration is not None and scan.acquired is None:
        sampling = Sampling(
            acceleration=settings.acceleration, center_fraction=settings.center_fraction
        )
    return compare(
        scan,
        [Arm(model.name, model.role, model.path) for model in models],
        sampling=sampling,
        device=settings.device,
        cancel=cancel,
        reference=settings.reference,
    )


def judging(
    comparison: Comparison,
    truth: NDArray[np.float32] | None,
    reference: Reference,
    cancel: CancelToken,
) -> Iterator[Compared]:
    """Measure finished reconstructions, (slices, rows, columns), against another reference."""
    from napari_unlearn.evaluation.assemble import assemble

    cancel.check()
    yield Compared(
        assemble(
            comparison.header,
            comparison.arms,
            truth,
            comparison.mask,
            reference=reference,
            threshold=comparison.threshold if np.isfinite(comparison.threshold) else None,
            remarks=comparison.remarks,
        )
    )


def listing_devices(cancel: CancelToken) -> Iterator[tuple[Device, ...]]:
    """Name the devices of this machine, the preferred first."""
    import torch

    from napari_unlearn.models.device import available_devices, device_name

    cancel.check()
    devices = [Device(key, device_name(torch.device(key))) for key in available_devices()]
    yield tuple(reversed(devices))
