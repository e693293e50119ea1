"""Intervals by drawing patients anew: those of a patient resemble each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn."""

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def weights(self, set_name: str, patients: int) -> NDArray[np.int64]:
        """How often each patient is drawn, (resamples, patients); rows sum to `patients`.

        Every set has its own stream, whatever other sets there are; every run and quantity
        meets the same draws, so that rows of a table can be compared.
        """
        generator = np.random.default_rng([self.seed, crc32(set_name.encode())])
        share = np.full(patients, 1 / patients)
        return generator.multinomial(patients, share, size=self.resamples)

    def means(self, set_name: str, patients: Sequence[str], values: Values) -> Values:
        """Means over all slices of the patients drawn, (resamples,).

        Args:
            set_name: names the stream of draws.
            patients: of each slice.
            values: one per slice.
        """
        names, of_slice = np.unique(np.asarray(patients), return_inverse=True)
        weights = self.weights(set_name, len(names))
        return (weights @ np.bincount(of_slice, values)) / (weights @ np.bincount(of_slice))

    def interval(self, drawn: Values) -> tuple[float, float]:
        """The percentile interval."""
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        return float(low), float(high)
