"""Slices for a self-test: held-out phantoms, or every other slice of one scan."""

from collections.abc import Iterator
from dataclasses import replace

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.self_test import Slice
from napari_unlearn.mri.scan import Scan
from napari_unlearn.phantoms.protocols import (
    BRAIN_KNEE,
    CONTAMINATED_SITE,
    SEEDS_PER_SET,
    Protocol,
    ScanSet,
    SetRole,
    scans,
)
from napari_unlearn.phantoms.subject import Anatomy

# A set that the anatomy's models never trained on, for the thresholds, and one to test on.
_HELD_OUT: dict[Anatomy, tuple[Protocol, SetRole, SetRole]] = {
    "brain": (CONTAMINATED_SITE, "retain_validation", "retain_test"),
    "knee": (BRAIN_KNEE, "forget_validation", "forget_test"),
}

CALIBRATION_SUBJECTS = 12


def phantom_slices(
    anatomy: Anatomy, subjects: int, size: int = 96, coils: int = 4
) -> tuple[list[Slice], list[Slice]]:
    """Simulate held-out subjects, two slices each.

    Args:
        anatomy: Brains of site A, or knees.
        subjects: To test on; `CALIBRATION_SUBJECTS` others calibrate.
        size: Rows and columns.
        coils: Number of receive coils.

    Returns:
        Slices to calibrate on, and slices to test.

    Raises:
        EvaluationError: More subjects than a set has seeds.
    """
    if not 1 <= subjects <= SEEDS_PER_SET:
        raise EvaluationError(f"{subjects} subjects cannot be had; 1 to {SEEDS_PER_SET} can.")
    protocol, calibration, test = _HELD_OUT[anatomy]
    return (
        list(_first(protocol.having(calibration)[0], CALIBRATION_SUBJECTS, size, coils)),
        list(_first(protocol.having(test)[0], subjects, size, coils)),
    )


def scan_slices(scan: Scan) -> tuple[list[Slice], list[Slice]]:
    """Take every other slice of a scan to calibrate on, and the rest to test.

    Neighbouring slices of one subject resemble each other: thresholds fit better than they
    would on another subject.

    Raises:
        EvaluationError: A single slice.
    """
    count = scan.header.slices
    if count < 2:
        raise EvaluationError(
            f"{scan.header.name} has one slice; the self-test needs one to calibrate on and "
            "another to test."
        )
    return (
        [Slice(scan, index) for index in range(0, count, 2)],
        [Slice(scan, index) for index in range(1, count, 2)],
    )


def _first(scan_set: ScanSet, subjects: int, size: int, coils: int) -> Iterator[Slice]:
    for scan in scans(replace(scan_set, subjects=subjects), size, coils):
        for index in range(scan.header.slices):
            yield Slice(scan, index)
