"""What the window asks for, as Qt-free generators; torch is imported only when they run."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Compared, CompareEvent, Comparison, Role
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE
from napari_unlearn.evaluation.highlights import BY_HAND
from napari_unlearn.mri.scan import Header, Scan

if TYPE_CHECKING:
    from napari_unlearn.evaluation.compare import Arm
    from napari_unlearn.evaluation.slice_looks import SliceLooks
    from napari_unlearn.mri.sampling import Sampling
    from napari_unlearn.viewer.pictures import Board

Reference = Literal["truth", "oracle"]

_PATIENCE = 0.3  # seconds without a picture
_BETWEEN = 1.0  # seconds between two pictures of which each holds more slices

_WITHOUT_TRUTH = "No ground truth"  # remarks that depend on the reference begin so


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
    mode: str = DEFAULT_MODE
    """Which map is highlighted, of `hallucination.MODES`."""
    lam: float | None = None
    """Of the maps that it enters; None derives it from every slice's data."""
    rule: str | None = None
    """How the threshold is found, of `thresholds.RULES`; None: as `marking.threshold_for` does."""


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


@dataclass(frozen=True, eq=False)
class Run:
    """All that a comparison follows from."""

    scan: Scan
    models: tuple[Model, ...]
    settings: Settings


@dataclass(frozen=True, eq=False)
class Outlined:
    """A comparison with other outlines, which are made."""

    before: Comparison
    """What it follows from."""
    comparison: Comparison
    board: "Board"


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
    due = time.monotonic() + _PATIENCE
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
        if time.monotonic() >= due:
            yield Glimpse(header, reference, done)
            due = time.monotonic() + _BETWEEN
    yield Opened(scan, reference)


def comparing(
    scan: Scan,
    models: Sequence[Model],
    settings: Settings,
    cancel: CancelToken,
) -> Iterator[CompareEvent]:
    """Reconstruct a scan with every model and compare the results."""
    from napari_unlearn.evaluation.compare import compare
    from napari_unlearn.models.device import spare_a_core

    spare_a_core()
    return compare(
        scan,
        _arms(models),
        sampling=_sampling(scan, settings),
        device=settings.device,
        cancel=cancel,
        reference=settings.reference,
        mode=settings.mode,
        lam=settings.lam,
        rule=settings.rule,
    )


def judging(
    comparison: Comparison,
    truth: NDArray[np.float32] | None,
    settings: Settings,
    cancel: CancelToken,
) -> Iterator[Compared]:
    """Judge finished reconstructions anew: against another reference, or by another map.

    The map is one that needs no k-space. A threshold that was set by hand stays with its map.
    """
    from napari_unlearn.evaluation.assemble import assemble

    cancel.check()
    by_hand = comparison.mode == settings.mode and comparison.threshold_from == BY_HAND
    yield Compared(
        assemble(
            comparison.header,
            comparison.arms,
            truth,
            comparison.mask,
            reference=settings.reference,
            threshold=comparison.threshold if by_hand else None,
            calibrated=_calibrated(comparison),
            remarks=[each for each in comparison.remarks if not each.startswith(_WITHOUT_TRUTH)],
            mode=settings.mode,
            rule=settings.rule,
        )
    )


def thresholding(
    comparison: Comparison,
    truth: NDArray[np.float32] | None,
    rule: str | None,
    cancel: CancelToken,
) -> Iterator[Compared]:
    """Highlight the maps of a finished comparison above the threshold of a rule."""
    from napari_unlearn.evaluation.assemble import with_threshold

    cancel.check()
    calibrated = _calibrated(comparison)
    yield Compared(with_threshold(comparison, truth, calibrated=calibrated, rule=rule))


def outlining(comparison: Comparison, threshold: float, cancel: CancelToken) -> Iterator[Outlined]:
    """Highlight maps above a threshold that was set by hand, and make the outlines."""
    from napari_unlearn.evaluation.highlights import highlight
    from napari_unlearn.viewer.pictures import finished

    marked = highlight(comparison, threshold)
    cancel.check()
    yield Outlined(comparison, marked, finished(marked).outlined())


def looking(run: Run, index: int, maximum: float, cancel: CancelToken) -> Iterator["SliceLooks"]:
    """Make the maps of one slice ready for any lambda."""
    from napari_unlearn.evaluation.slice_looks import look_at_slice
    from napari_unlearn.models.device import spare_a_core

    spare_a_core()
    settings = run.settings
    yield look_at_slice(
        run.scan,
        _arms(run.models),
        index,
        mode=settings.mode,
        sampling=_sampling(run.scan, settings),
        device=settings.device,
        cancel=cancel,
        against_oracle=settings.reference == "oracle",
        maximum=maximum,
    )


def _arms(models: Sequence[Model]) -> "list[Arm]":
    from napari_unlearn.evaluation.compare import Arm

    return [Arm(model.name, model.role, model.path) for model in models]


def _sampling(scan: Scan, settings: Settings) -> "Sampling | None":
    from napari_unlearn.mri.sampling import Sampling

    if settings.acceleration is None or scan.acquired is not None:
        return None
    return Sampling(acceleration=settings.acceleration, center_fraction=settings.center_fraction)


def _calibrated(comparison: Comparison) -> float | None:
    """What the oracle's card says of its errors on held-out scans, if its file is still there."""
    from napari_unlearn.models.checkpoint import read_card

    oracle = next((arm for arm in comparison.arms if arm.role == "oracle"), None)
    if oracle is None:
        return None
    with suppress(UnlearnError):  # weights of fastMRI's have no card
        return read_card(oracle.model).metrics.get("error_p99")
    return None


def listing_devices(cancel: CancelToken) -> Iterator[tuple[Device, ...]]:
    """Name the devices of this machine, the preferred first."""
    import torch

    from napari_unlearn.models.device import available_devices, device_name

    cancel.check()
    devices = [Device(key, device_name(torch.device(key))) for key in available_devices()]
    yield tuple(reversed(devices))
