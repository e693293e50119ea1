"""Two pictures of one scan in one tile, before any window exists."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.line_profile import volumes
from napari_unlearn.viewer.pictures import round_limit

Mode = Literal["flicker", "wipe", "difference"]


@dataclass(frozen=True, eq=False)
class Pair:
    """Pictures A and B, (slices, rows, columns) each, on one grid and under one grey scale."""

    first: str
    """Name of A."""
    second: str
    a: NDArray[np.float32]
    b: NDArray[np.float32]
    maximum: float
    """Data range of the scan."""

    @classmethod
    def of(cls, comparison: Comparison, first: str, second: str) -> "Pair":
        """Take two pictures of a comparison by name.

        Raises:
            UnlearnError: There is no such picture.
        """
        shown = volumes(comparison)
        for name in (first, second):
            if name not in shown:
                raise UnlearnError(f"There is no picture '{name}'; there are {', '.join(shown)}.")
        return cls(first, second, shown[first], shown[second], comparison.maximum)

    def is_of(self, comparison: Comparison) -> bool:
        """Whether a comparison holds these very pictures."""
        shown = volumes(comparison)
        return shown.get(self.first) is self.a and shown.get(self.second) is self.b

    def flicker(self, index: int, second: bool) -> NDArray[np.float32]:
        """One slice of A, or of B at the same place."""
        return self.b[index] if second else self.a[index]

    def wipe(self, index: int, edge: float) -> NDArray[np.float32]:
        """A left of an edge and B right of it, one slice.

        Args:
            index: Of the slice.
            edge: Its place as a share of the columns, 0 shows B alone, 1 A alone.
        """
        column = self.column(edge)
        return np.concatenate([self.a[index][:, :column], self.b[index][:, column:]], axis=1)

    def difference(self, index: int) -> NDArray[np.float32]:
        """(A - B) / maximum of one slice; > 0 where A is brighter."""
        return np.asarray((self.a[index] - self.b[index]) / self.maximum, dtype=np.float32)

    def column(self, edge: float) -> int:
        """The first column right of an edge."""
        columns = self.a.shape[2]
        return int(np.clip(round(edge * columns), 0, columns))

    @property
    def worst(self) -> float:
        """Limit of the difference on the screen: a round number above nearly all of it."""
        return round_limit(float(np.percentile(np.abs(self.a - self.b), 99.8)) / self.maximum)


def first_choice(comparison: Comparison) -> tuple[str, str] | None:
    """Two pictures worth a look: original and unlearned, else the last two; None of one picture."""
    roles = {arm.role: arm.name for arm in reversed(comparison.arms)}
    if "original" in roles and "unlearned" in roles:
        return roles["original"], roles["unlearned"]
    names = list(volumes(comparison))
    return (names[-2], names[-1]) if len(names) > 1 else None
