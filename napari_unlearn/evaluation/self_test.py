"""The self-test of the maps: plant known departures into a model's reconstructions, look again.

Thresholds are calibrated on other slices than those that are tested. Every test slice is seen
three times: as the model reconstructed it, with structures planted plainly, and with the same
structures planted so that the measured lines agree with them (`evaluation.planted`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.acquisition import Acquisition
from napari_unlearn.evaluation.detection import ModeRecord, Place
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import MODES, SliceEvidence, prepare
from napari_unlearn.evaluation.highlights import outline, smooth
from napari_unlearn.evaluation.planted import (
    Kspace,
    Structure,
    Way,
    body_of,
    draw_structures,
    plant_departures,
)
from napari_unlearn.evaluation.reconstruct import (
    image_of,
    reconstruct_kspace,
    reconstruct_slice,
)
from napari_unlearn.evaluation.thresholds import bhadra_threshold, oracle_threshold
from napari_unlearn.mri.sampling import Mask, Sampling
from napari_unlearn.mri.scan import Header, MemoryScan, Scan

WAYS: tuple[Way, ...] = ("plain", "consistent")
Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice to calibrate or test on."""

    scan: Scan
    index: int


@dataclass(frozen=True, eq=False)
class SelfTest:
    """What is tested, and on what."""

    model: nn.Module
    """Whose reconstructions structures are planted into; gives the coils' k-space."""
    other: nn.Module
    """The second model, for disagreement."""
    sampling: Sampling
    calibration: Sequence[Slice]
    test: Sequence[Slice]
    modes: tuple[str, ...] = tuple(MODES)
    structures: int = 4
    """Per test slice."""
    seed: int = 0
    lam: float | None = None
    """None derives it from every slice."""


@dataclass(frozen=True)
class SelfTestResult:
    """What every mode said."""

    records: tuple[ModeRecord, ...]
    slices: int
    structures: int
    lam: float
    """Mean over the test slices."""


SelfTestEvent = tuple[int, int] | SelfTestResult


def run_self_test(test: SelfTest, cancel: CancelToken) -> Iterator[SelfTestEvent]:
    """Calibrate every mode, plant, and record what every mode says.

    Yields:
        (slices done, slices in all), at last the result.

    Raises:
        Cancelled: The user asked to stop.
        EvaluationError: No slice, no reference, k-space that is undersampled already, or a model
            that gives magnitudes only.
    """
    _check(test)
    total, done = len(test.calibration) + len(test.test), 0
    calibrating: dict[str, list[Map]] = {mode: [] for mode in test.modes}
    for each in test.calibration:
        cancel.check()
        clean = _look(test, _seen(test, each, cancel))
        for mode, values in clean.items():
            calibrating[mode].append(values)
        done += 1
        yield done, total
    books = {mode: _Book(oracle_threshold(maps)) for mode, maps in calibrating.items()}
    count, lams = 0, []
    for number, each in enumerate(test.test):
        cancel.check()
        seen = _seen(test, each, cancel)
        rng = np.random.default_rng((test.seed, number))
        header, reference = each.scan.header, seen.reference
        pixel = (header.voxel_size[1], header.voxel_size[2])
        structures = draw_structures(reference, seen.maximum, pixel, rng, test.structures)
        clean = _look(test, seen)
        body = body_of(reference, seen.maximum)
        for mode, values in clean.items():
            books[mode].note_clean(values, body, header)
        for way in WAYS if structures else ():
            cancel.check()
            planted = _look(test, _with_structures(test, seen, structures, way, cancel))
            for mode, values in planted.items():
                books[mode].note_planted(values, clean[mode], structures, way)
        count += len(structures)
        lams.append(seen.acquisition.lam)
        done += 1
        yield done, total
    records = tuple(book.record(mode) for mode, book in books.items())
    yield SelfTestResult(records, len(test.test), count, float(np.mean(lams)))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A slice and two reconstructions of it."""

    kspace: Kspace
    truth: Kspace
    reference: Map
    other: Map
    maximum: float
    mask: Mask
    acquisition: Acquisition
    header: Header


@dataclass(eq=False)
class _Book:
    """Notes on one mode."""

    threshold: float
    places: list[Place] = field(default_factory=list)
    planted: list[Map] = field(default_factory=list)
    clean: list[Map] = field(default_factory=list)
    alarms: list[float] = field(default_factory=list)
    alarms_body: list[float] = field(default_factory=list)

    def note_clean(self, values: Map, body: NDArray[np.bool_], header: Header) -> None:
        marked = outline(values, self.threshold, header)
        self.alarms.append(float(marked.mean()))
        self.alarms_body.append(float((marked & body).sum() / max(body.sum(), 1)))
        self.clean.append(smooth(values)[body])

    def note_planted(
        self, values: Map, clean: Map, structures: Sequence[Structure], way: Way
    ) -> None:
        with_them, without = smooth(values), smooth(clean)
        own, own_clean = bhadra_threshold(values), bhadra_threshold(clean)
        for structure in structures:
            support = structure.support(values.shape)
            self.places.append(
                Place(
                    structure,
                    way,
                    float(np.median(with_them[support])),
                    float(np.median(without[support])),
                    own,
                    own_clean,
                )
            )
            if way == "plain":
                self.planted.append(with_them[support])

    def record(self, mode: str) -> ModeRecord:
        nothing = np.zeros(0, np.float32)
        return ModeRecord(
            mode,
            self.threshold,
            tuple(self.places),
            np.concatenate([nothing, *self.planted]),
            np.concatenate([nothing, *self.clean]),
            float(np.mean(self.alarms)),
            float(np.mean(self.alarms_body)),
            MODES[mode].own_threshold,
        )


def _seen(test: SelfTest, each: Slice, cancel: CancelToken) -> _Seen:
    scan, index = each.scan, each.index
    reference = scan.target(index)
    if reference is None or not scan.maximum:
        raise EvaluationError(f"{scan.header.name}: no reference image to plant structures in.")
    mask = test.sampling.mask(scan.header.columns, Sampling.seed_of(scan.header.name))
    return _Seen(
        reconstruct_kspace(scan, index, test.model, mask, cancel=cancel),
        np.ascontiguousarray(scan.kspace(index)),
        np.ascontiguousarray(reference),
        reconstruct_slice(scan, index, test.other, mask, cancel=cancel),
        scan.maximum,
        mask,
        Acquisition.of(scan, index, mask, test.lam),
        scan.header,
    )


def _with_structures(
    test: SelfTest,
    seen: _Seen,
    structures: Sequence[Structure],
    way: Way,
    cancel: CancelToken,
) -> _Seen:
    """The slice with structures planted; the other model sees lost ones in its measured lines."""
    header = replace(seen.header, slices=1)
    shape = (header.image_rows, header.image_columns)
    planted = plant_departures(
        seen.kspace, seen.truth, seen.mask.lines.numpy(), structures, shape, seen.maximum, way
    )
    changed = MemoryScan(header, planted.truth[None])
    return _Seen(
        planted.kspace,
        planted.truth,
        image_of(planted.truth, header),
        reconstruct_slice(changed, 0, test.other, seen.mask, cancel=cancel),
        seen.maximum,
        seen.mask,
        Acquisition.of(changed, 0, seen.mask, test.lam),
        header,
    )


def _look(test: SelfTest, seen: _Seen) -> dict[str, Map]:
    evidence = SliceEvidence(
        image_of(seen.kspace, seen.header),
        seen.maximum,
        reference=seen.reference,
        other=seen.other,
        kspace=seen.kspace,
        truth=seen.truth,
        acquisition=seen.acquisition,
    )
    lam = seen.acquisition.lam
    return {mode: prepare(mode, evidence).at(lam) for mode in test.modes}


def _check(test: SelfTest) -> None:
    if not test.calibration or not test.test:
        raise EvaluationError("The self-test needs slices to calibrate on and others to test.")
    for each in (*test.calibration, *test.test):
        if each.scan.acquired is not None:
            raise EvaluationError(
                f"{each.scan.header.name} is undersampled: the truth that a self-test plants "
                "structures in must be fully sampled."
            )
