"""How far readers agree: weighted kappa of two, intraclass correlation of all.

Both correct for chance or for the spread of the readers, not for the smallness of a sample: from
six cases either may come out anyhow, which their intervals show.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.reading.definition import SCORES

Weights = Literal["linear", "quadratic"]
Interval = tuple[float, float]
Values = NDArray[np.float64]

DEFINED = 0.95
"""Share of the draws in which a figure must be defined for its interval to be told."""


def weighted_kappa(
    first: ArrayLike, second: ArrayLike, weights: Weights = "quadratic"
) -> float | None:
    """Agreement of two readers on scores from 1 to 5, beyond what chance would give.

    Disagreements of i and j weigh |i - j| (linear) or (i - j)^2 (quadratic). Cohen, Weighted
    kappa, Psychological Bulletin 70, 1968.

    Args:
        first: Scores of one reader, (n,).
        second: Those of the other about the same, (n,).
        weights: How disagreements grow.

    Returns:
        1 for full agreement, 0 for that of chance; None for nothing, or where both gave the same
        one score throughout, as chance alone explains that.
    """
    return kappa_of_table(_counted(first, second).sum(axis=0), _apart(weights))


def kappa_of_table(table: ArrayLike, disagreement: ArrayLike) -> float | None:
    """Weighted kappa of a table of counts or shares.

        kappa_w = 1 - sum_ij w_ij o_ij / sum_ij w_ij e_ij,   e_ij = o_i. o_.j / o_..

    Args:
        table: o, (k, k): how often one said i and the other j.
        disagreement: w, (k, k): how grave that is, 0 on the diagonal.

    Returns:
        None if chance alone would disagree in nothing.
    """
    observed = np.asarray(table, dtype=np.float64)
    return _single(_kappas(observed[None], np.asarray(disagreement, dtype=np.float64)))


def icc_2_1(scores: ArrayLike) -> float | None:
    """Intraclass correlation ICC(2,1): absolute agreement of single readers, drawn at random.

        ICC(2,1) = (BMS - EMS) / (BMS + (k-1) EMS + k (JMS - EMS) / n)

    with the mean squares between n targets (BMS), between k judges (JMS) and of what is left
    (EMS). Shrout and Fleiss, Intraclass correlations, Psychological Bulletin 86, 1979.

    Args:
        scores: (n, k), every target judged by every judge.

    Returns:
        At most 1; None with fewer than two targets or judges, or without any difference.
    """
    values: Values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        return None
    return _single(_iccs(values, np.ones((1, len(values)))))


def kappa_interval(
    first: ArrayLike, second: ArrayLike, cases: Sequence[str], bootstrap: Bootstrap
) -> Interval | None:
    """Percentile interval of the quadratically weighted kappa, cases drawn anew.

    The images of one case, one per arm, are drawn together, as they resemble each other.

    Args:
        first: Scores of one reader, (n,).
        second: Those of the other about the same, (n,).
        cases: Of each image.
        bootstrap: How often cases are drawn, from which seed.

    Returns:
        None with a single case, or where kappa is undefined in more than one draw of twenty.
    """
    drawn = _drawn(cases, bootstrap)
    if drawn is None:
        return None
    tables = np.tensordot(drawn, _counted(first, second), axes=1)
    return _interval(_kappas(tables, _apart("quadratic")), bootstrap)


def icc_interval(scores: ArrayLike, cases: Sequence[str], bootstrap: Bootstrap) -> Interval | None:
    """Percentile interval of ICC(2,1), cases drawn anew; arguments and None as above."""
    values: Values = np.asarray(scores, dtype=np.float64)
    drawn = _drawn(cases, bootstrap)
    if drawn is None or values.ndim != 2 or values.shape[1] < 2:
        return None
    return _interval(_iccs(values, drawn), bootstrap)


def _counted(first: ArrayLike, second: ArrayLike) -> Values:
    """One table per image with its pair of scores in it, (n, scores, scores)."""
    one, other = (np.asarray(each, dtype=int) - SCORES[0] for each in (first, second))
    tables = np.zeros((len(one), len(SCORES), len(SCORES)))
    tables[np.arange(len(one)), one, other] = 1
    return tables


def _apart(weights: Weights) -> Values:
    apart = np.abs(np.subtract.outer(SCORES, SCORES)).astype(np.float64)
    return apart if weights == "linear" else apart**2


def _kappas(tables: Values, disagreement: Values) -> Values:
    """Weighted kappa of every table, (draws,); NaN where it is not defined."""
    whole = tables.sum(axis=(1, 2))
    chance = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None]
    expected = (disagreement * chance).sum(axis=(1, 2))
    found = (disagreement * tables).sum(axis=(1, 2)) * whole
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - found / expected, np.nan)


def _iccs(values: Values, times: Values) -> Values:
    """ICC(2,1) with every target counted so many times, (draws,); NaN where it is not defined."""
    k, n = values.shape[1], times.sum(axis=1)
    of_target = values.mean(axis=1)
    of_judge = times @ values / n[:, None]
    mean = of_judge.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = k * (times * (of_target - mean[:, None]) ** 2).sum(axis=1) / (n - 1)
        judges = n * ((of_judge - mean[:, None]) ** 2).sum(axis=1) / (k - 1)
        left = values - of_target[:, None] - of_judge[:, None] + mean[:, None, None]
        error = (times * (left**2).sum(axis=2)).sum(axis=1) / ((n - 1) * (k - 1))
        spread = between + (k - 1) * error + k * (judges - error) / n
        return np.where(spread > 1e-12, (between - error) / spread, np.nan)


def _drawn(cases: Sequence[str], bootstrap: Bootstrap) -> Values | None:
    """How often each image is drawn, (draws, n); None with fewer than two cases."""
    names, of_image = np.unique(np.asarray(cases), return_inverse=True)
    if len(names) < 2:
        return None
    return bootstrap.weights("cases", len(names))[:, of_image].astype(np.float64)


def _interval(found: Values, bootstrap: Bootstrap) -> Interval | None:
    defined = found[np.isfinite(found)]
    return bootstrap.interval(defined) if len(defined) >= DEFINED * len(found) else None


def _single(found: Values) -> float | None:
    return float(found[0]) if np.isfinite(found[0]) else None
