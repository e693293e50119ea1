"""Who was in the training set? The loss attack, its distance to the oracle, and its sharp end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.audit.losses import ByPerson, means
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.membership import Membership
from napari_unlearn.evaluation.statistics import Estimate

RATES = (0.01, 0.05, 0.1)
"""False-positive rates, of which the lowest that the hold-out can resolve is reported."""


@dataclass(frozen=True)
class Rate:
    """Share of the members that are found while few others are accused."""

    allowed: float
    """Share of the others that may be accused (false-positive rate)."""
    found: float
    """Share of the members found (true-positive rate)."""
    low: float
    high: float


def auc_of(found: Membership, bootstrap: Bootstrap | None = None) -> Estimate:
    """AUC of an attack with its interval over people; none with one person of a kind."""
    return _estimate(found, found.auc, found.interval(bootstrap))


def gap_of(found: Membership, oracle: Membership, bootstrap: Bootstrap | None = None) -> Estimate:
    """AUC minus the oracle's, on the same people drawn for both.

    How hard people are to reconstruct or to label is thus the same on both sides, and the
    interval narrower than that of either AUC.
    """
    bootstrap = bootstrap or Bootstrap()
    gap = found.auc - oracle.auc
    if min(len(found.members), len(found.others)) < 2:
        return _estimate(found, gap, None)
    drawn = found.drawn(bootstrap) - oracle.drawn(bootstrap)
    return _estimate(found, gap, bootstrap.interval(drawn))


def privleak(auc: float, oracle: float) -> float | None:
    """100 ((1 - AUC) - (1 - AUC_oracle)) / (1 - AUC_oracle) [%]; 0 is the oracle's.

    Negative where members are still found more easily than by the oracle, positive where they
    stand out by being bad. After Shi et al., MUSE, ICLR 2025. None if the oracle's AUC is 1.
    """
    return None if oracle >= 1 else 100 * (oracle - auc) / (1 - oracle)


def rate_of(members: ByPerson, others: ByPerson, bootstrap: Bootstrap | None = None) -> Rate | None:
    """Members found at the lowest of `RATES` that the number of others can tell.

    A person is accused whose mean loss is below that of all but a share of the others. None if
    there are fewer than ten others.
    """
    allowed = next((rate for rate in RATES if rate * len(others) >= 1), None)
    if allowed is None:
        return None
    own, peers = means(members), means(others)
    bootstrap = bootstrap or Bootstrap()
    rows, columns = (bootstrap.weights(n, len(k)) for n, k in (("members", own), ("others", peers)))
    low, high = bootstrap.interval(_found(own, peers, rows, columns, allowed))
    once = [np.ones((1, len(side)), np.int64) for side in (own, peers)]
    return Rate(allowed, float(_found(own, peers, once[0], once[1], allowed)[0]), low, high)


def _found(
    own: NDArray[np.float64],
    peers: NDArray[np.float64],
    members: NDArray[np.int64],
    others: NDArray[np.int64],
    allowed: float,
) -> NDArray[np.float64]:
    """True-positive rate of every draw; `members` and `others` count how often each is drawn."""
    order = np.argsort(peers)
    below = np.cumsum(others[:, order], axis=1)
    # The first of the others that must not be accused sets the threshold.
    threshold = peers[order][(below > allowed * len(peers)).argmax(axis=1)]
    accused = own[None] < threshold[:, None]
    return (accused * members).sum(axis=1) / members.sum(axis=1)


def _estimate(found: Membership, value: float, interval: tuple[float, float] | None) -> Estimate:
    low, high = interval or (None, None)
    count = len(found.members) + len(found.others)
    return Estimate(float(value), low, high, count, count)
