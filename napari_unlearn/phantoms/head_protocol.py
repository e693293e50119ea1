"""The simulated study of segmentation: which 3D heads form which set."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.phantoms.protocols import scaled_count

HeadRole = Literal["retain", "forget", "unseen_test", "nonmember", "unseen"]


@dataclass(frozen=True)
class HeadSet:
    """Consecutive seeds."""

    role: HeadRole
    subjects: int
    first_seed: int

    @property
    def seeds(self) -> range:
        """One per subject."""
        return range(self.first_seed, self.first_seed + self.subjects)


@dataclass(frozen=True)
class HeadProtocol:
    """Which heads an original, an oracle and their tests see.

    The original learns from the sets of role retain and forget, the oracle from retain. Figures
    are published on unseen_test; membership is attacked with nonmember; strategies that ask how
    the original treats unknown heads read unseen.
    """

    name: str
    sets: tuple[HeadSet, ...]

    def scaled(self, scale: float) -> "HeadProtocol":
        """Return a smaller (or larger) study; each set keeps at least one subject.

        Raises:
            UnlearnError: If the scale is not positive, or so large that sets would overlap.
        """
        sets = tuple(
            replace(part, subjects=scaled_count(part.subjects, scale)) for part in self.sets
        )
        return replace(self, sets=sets)

    def having(self, role: HeadRole) -> HeadSet:
        """The set of a role."""
        return next(part for part in self.sets if part.role == role)


def heads(part: HeadSet, shape: tuple[int, int, int]) -> Iterator[Subject3D]:
    """Simulate the heads of a set, one after the other, (slices, rows, columns).

    Raises:
        UnlearnError: If the grid is too small for a head.
    """
    for seed in part.seeds:
        yield simulate_head(seed, shape)


HEADS = HeadProtocol(
    "heads",
    (
        HeadSet("retain", 5, 0),
        HeadSet("forget", 2, 200),
        HeadSet("unseen_test", 3, 400),
        HeadSet("nonmember", 6, 600),
        HeadSet("unseen", 3, 800),
    ),
)
"""Two of seven people withdraw, as in "To forget is to preserve" (arXiv 2606.16180)."""
