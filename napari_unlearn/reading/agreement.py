"""How far readers agree: weighted kappa of two, intraclass correlation of all.

Both correct for chance or for the spread of the readers, not for the smallness of a sample: from
six cases either may come out anyhow.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unlearn.reading.definition import SCORES

Weights = Literal["linear", "quadratic"]


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
    table = np.zeros((len(SCORES), len(SCORES)))
    rows = np.asarray(first, dtype=int) - SCORES[0]
    np.add.at(table, (rows, np.asarray(second, dtype=int) - SCORES[0]), 1)
    apart = np.abs(np.subtract.outer(SCORES, SCORES)).astype(np.float64)
    return kappa_of_table(table, apart if weights == "linear" else apart**2)


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
    weights = np.asarray(disagreement, dtype=np.float64)
    whole = observed.sum()
    if not whole:
        return None
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / whole
    by_chance = (weights * expected).sum()
    return float(1 - (weights * observed).sum() / by_chance) if by_chance > 0 else None


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
    values: NDArray[np.float64] = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        return None
    n, k = values.shape
    mean = values.mean()
    of_target, of_judge = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    between = k * ((of_target - mean) ** 2).sum() / (n - 1)
    judges = n * ((of_judge - mean) ** 2).sum() / (k - 1)
    error = ((values - of_target - of_judge + mean) ** 2).sum() / ((n - 1) * (k - 1))
    spread = between + (k - 1) * error + k * (judges - error) / n
    return float((between - error) / spread) if spread > 1e-12 else None
