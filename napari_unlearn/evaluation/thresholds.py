"""Rules for the threshold above which a map counts as hallucination."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.highlights import calibrate, smooth

ORACLE_PERCENTILE = 99.0
BHADRA_PERCENTILE = 95.0


@dataclass(frozen=True)
class ThresholdRule:
    """How to choose a threshold."""

    name: str
    title: str


RULES = {
    rule.name: rule
    for rule in (
        ThresholdRule("oracle", "1 % of the pixels of the oracle's maps lie above it"),
        ThresholdRule("bhadra", "5 % of the pixels of the map itself lie above it"),
        ThresholdRule("authors", "as the authors of the map set it"),
    )
}


def find_rule(name: str) -> ThresholdRule:
    """Look a rule up.

    Raises:
        WrongUse: There is no such rule.
    """
    if name not in RULES:
        raise WrongUse(f"There is no threshold rule '{name}'; choose one of {', '.join(RULES)}.")
    return RULES[name]


def oracle_threshold(maps: Sequence[NDArray[np.floating]]) -> float:
    """Find the value that the oracle's (lightly smoothed) maps exceed in 1 % of the pixels.

    A false-alarm rate of 1 % per pixel by construction: what a model without the forget set
    does too is not the forget set's doing.

    Raises:
        EvaluationError: There is no map, or one is not finite.
    """
    return calibrate(maps, ORACLE_PERCENTILE)


def bhadra_threshold(values: NDArray[np.floating]) -> float:
    """Find the 95th percentile of a (lightly smoothed) map, of itself.

    The specific hallucination map of Bhadra et al. (IEEE TMI 2021). It flags 5 % of the pixels
    of any map, of pure noise too, and can therefore not say that there is nothing to see.

    Raises:
        EvaluationError: The map is empty or not finite.
    """
    if not values.size or not np.isfinite(values).all():
        raise EvaluationError("A map that is empty or not finite has no percentile.")
    return float(np.percentile(smooth(values), BHADRA_PERCENTILE))
