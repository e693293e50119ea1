"""Are two models' losses distributed alike? Kolmogorov and Smirnov, person by person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.audit.losses import ByPerson
from napari_unlearn.evaluation.bootstrap import Bootstrap

_AT_ONCE = 100
"""Draws that are computed together, so that memory stays small."""


@dataclass(frozen=True)
class Distance:
    """Largest difference between two distributions, 0 to 1."""

    value: float
    low: float | None
    """Resampled distances are larger than the true one where that is small."""
    high: float | None
    p: float
    """How often exchanging the two models, person by person, gives as much or more."""
    people: int

    @property
    def telling(self) -> bool:
        """Whether so few people could ever give p < 0.05."""
        return 2.0 ** (1 - self.people) < 0.05


def ks_distance(own: ByPerson, other: ByPerson, bootstrap: Bootstrap | None = None) -> Distance:
    """max_t |F_own(t) - F_other(t)| over all samples; F is the share of losses up to t.

    Liu and Tsaftaris, Have You Forgotten?, MICCAI 2020. Both models saw the same people, whose
    samples resemble each other: the interval resamples people and the p-value exchanges the
    two models' losses of whole persons (a permutation test).

    Args:
        own: losses of one model by person.
        other: those of another on the same people.
        bootstrap: how intervals are drawn; its seed and number serve the permutations as well.
    """
    bootstrap = bootstrap or Bootstrap()
    grid = np.unique(np.concatenate([*own.values(), *other.values()]))
    ahead = np.array([_counts(own[who], grid) - _counts(other[who], grid) for who in own])
    sizes = np.array([len(losses) for losses in own.values()], float)
    count = len(sizes)
    value = float(_largest(ahead, sizes, np.ones((1, count)), np.ones((1, count)))[0])
    rng = np.random.default_rng((bootstrap.seed, count))
    signs = rng.choice([-1.0, 1.0], (bootstrap.resamples, count))
    exchanged = _largest(ahead, sizes, signs, np.ones_like(signs))
    # Rounding must not make an exchange that changes nothing look smaller.
    p = float((1 + (exchanged >= value - 1e-9).sum()) / (1 + bootstrap.resamples))
    if count < 2:
        return Distance(value, None, None, p, count)
    drawn = bootstrap.weights("members", count).astype(float)
    low, high = bootstrap.interval(_largest(ahead, sizes, drawn, drawn))
    return Distance(value, low, high, p, count)


def _counts(losses: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Losses up to each point, (grid,)."""
    return np.searchsorted(np.sort(losses), grid, side="right").astype(float)


def _largest(
    ahead: NDArray[np.float64],
    sizes: NDArray[np.float64],
    weights: NDArray[np.float64],
    people: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Largest |sum_p w_p ahead_p| / sum_p n_p of every draw, (draws,)."""
    parts = np.array_split(weights, max(1, len(weights) // _AT_ONCE))
    tops = np.concatenate([np.abs(part @ ahead).max(axis=1) for part in parts])
    return tops / (people @ sizes)
