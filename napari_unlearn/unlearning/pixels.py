"""Errors of many pixels, of which a percentile is wanted, in bounded memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.highlights import smooth

MOST = 1 << 25
"""Pixels that are kept, 128 MiB."""


class Pixels:
    """Smoothed errors as the highlights see them; of very many only every 2nd, 4th, ... is kept.

    As long as no more than `most` were added the percentile is exact: `highlights.calibrate`'s.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.stride = most, 1
        self._parts: list[NDArray[np.float32]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, errors: NDArray[np.floating]) -> None:
        """Add an error map, (slices, rows, columns).

        Raises:
            EvaluationError: if an error is not finite.
        """
        values = smooth(errors).ravel()
        if not np.isfinite(values).all():
            raise EvaluationError("The oracle's error maps hold values that are not finite.")
        self._append(values[:: self.stride])

    def percentile(self, percentile: float) -> float:
        """The error that 100 - `percentile` per cent of the pixels exceed."""
        return float(np.percentile(np.concatenate(self._parts), percentile))

    @classmethod
    def joined(cls, several: "Sequence[Pixels]") -> "Pixels":
        """The pixels of several, each counting alike."""
        whole = cls(sum(each.most for each in several))
        whole.stride = max(each.stride for each in several)
        for each in several:
            for part in each._parts:
                whole._append(part[:: whole.stride // each.stride])
        return whole

    def _append(self, values: NDArray[np.float32]) -> None:
        self._parts.append(values.copy())
        self._count += len(values)
        while self._count > self.most:
            self.stride *= 2
            self._parts = [part[::2].copy() for part in self._parts]
            self._count = sum(len(part) for part in self._parts)
