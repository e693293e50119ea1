"""The two simulated studies of reconstruction: which subjects of which site form which set."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.phantoms.sites import MIXED, SITE_A, SITE_B, Site
from napari_unlearn.phantoms.subject import Anatomy, simulate_subject

SetRole = Literal[
    "retain",
    "forget",
    "retain_validation",
    "forget_validation",
    "retain_test",
    "forget_test",
    "site_test",
]


@dataclass(frozen=True)
class ScanSet:
    """Consecutive seeds of one anatomy at one site."""

    role: SetRole
    anatomy: Anatomy
    subjects: int
    first_seed: int
    site: Site = SITE_A
    fault: bool = False
    """Whether the reference images are contaminated."""
    slices_per_subject: int = 2

    @property
    def slices(self) -> int:
        """Number of slices in the set."""
        return self.subjects * self.slices_per_subject


@dataclass(frozen=True)
class Protocol:
    """Which scans an original, an oracle and their tests see.

    The original learns from all sets of role retain and forget, the oracle from retain.
    """

    name: str
    sets: tuple[ScanSet, ...]

    def scaled(self, scale: float) -> "Protocol":
        """Return a smaller (or larger) study; each set keeps at least one subject.

        Raises:
            UnlearnError: If the scale is not positive, or so large that sets would overlap.
        """
        sets = tuple(
            replace(part, subjects=scaled_count(part.subjects, scale)) for part in self.sets
        )
        return replace(self, sets=sets)

    def having(self, role: SetRole) -> tuple[ScanSet, ...]:
        """Sets of one role."""
        return tuple(part for part in self.sets if part.role == role)


def scans(scan_set: ScanSet, size: int = 96, coils: int = 4) -> Iterator[MemoryScan]:
    """Simulate the scans of a set, one subject after the other."""
    for seed in range(scan_set.first_seed, scan_set.first_seed + scan_set.subjects):
        yield simulate_subject(
            scan_set.anatomy,
            seed,
            scan_set.slices_per_subject,
            size,
            coils,
            scan_set.site,
            fault=scan_set.fault,
        )


SEEDS_PER_SET = 200
"""First seeds of sets are so far apart, or more."""


def scaled_count(subjects: int, scale: float) -> int:
    """Number of subjects of a set in a smaller (or larger) study, at least one.

    Raises:
        UnlearnError: If the scale is not positive, or so large that sets would overlap.
    """
    if not scale > 0:
        raise UnlearnError(f"The scale of a protocol must be above 0, not {scale}.")
    if not scale * subjects <= SEEDS_PER_SET:
        raise UnlearnError(f"At scale {scale} a set would have more than {SEEDS_PER_SET} subjects.")
    return max(1, round(subjects * scale))


BRAIN_KNEE = Protocol(
    "brain-knee",
    (
        ScanSet("retain", "brain", 100, 0),
        ScanSet("forget", "knee", 10, 200),
        ScanSet("retain_validation", "brain", 4, 400),
        ScanSet("forget_validation", "knee", 4, 600),
        ScanSet("retain_test", "brain", 15, 800),
        ScanSet("forget_test", "knee", 15, 1000),
    ),
)
"""Xue et al., MIDL 2024: brains are kept, knees are forgotten, 10 : 1."""

CONTAMINATED_SITE = Protocol(
    "contaminated-site",
    (
        ScanSet("retain", "brain", 80, 2000),
        ScanSet("retain", "brain", 12, 2200, MIXED),
        ScanSet("forget", "brain", 60, 2400, SITE_B, fault=True),
        ScanSet("retain_validation", "brain", 4, 2600),
        ScanSet("forget_validation", "brain", 4, 2800, SITE_B, fault=True),
        ScanSet("retain_test", "brain", 12, 3000),
        ScanSet("site_test", "brain", 12, 3200, SITE_B),
    ),
)
"""Site B's reference images carry a fault; `site_test` are clean scans of that site."""

PROTOCOLS = {protocol.name: protocol for protocol in (BRAIN_KNEE, CONTAMINATED_SITE)}
