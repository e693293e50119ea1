"""Which map of a finished comparison is highlighted, and above which threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.comparison import ArmResult
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import Mode, SliceEvidence, hallucination_map
from napari_unlearn.evaluation.highlights import calibrate
from napari_unlearn.evaluation.thresholds import bhadra_threshold, find_rule

Images = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class KspaceMaps:
    """What was found while the models' k-space was at hand."""

    maps: tuple[Images | None, ...]
    """One per arm, (slices, image_rows, image_columns), in the images' own unit; None for the arm
    that the others are set against."""
    shares: tuple[float | None, ...]
    """Mean null share of each arm's map."""
    lam: float | None
    """Mean lambda of the slices."""
    origin: str = ""
    """What the maps were set against, in words, where it is not the ground truth."""


@dataclass(frozen=True)
class Threshold:
    """Above which value pixels are highlighted, and where that comes from."""

    value: float
    origin: str


def with_maps(
    arms: Sequence[ArmResult],
    mode: Mode,
    reference: Images | None,
    maximum: float,
    kspace_maps: KspaceMaps | None,
) -> tuple[ArmResult, ...]:
    """Give every arm that can have one its map.

    The error map is there already. The disagreement of an arm is that with the oracle, that of
    the oracle with the first other arm.

    Raises:
        EvaluationError: Fewer than two models cannot disagree.
    """
    if mode.name == "error":
        return tuple(arms)
    if kspace_maps is not None:
        return tuple(
            arm
            if values is None
            else replace(arm, hallucinations=values / np.float32(maximum), null_share=share)
            for arm, values, share in zip(arms, kspace_maps.maps, kspace_maps.shares, strict=True)
        )
    others = _others(arms) if mode.uses_other else [None] * len(arms)
    made = []
    for arm, other in zip(arms, others, strict=True):
        if mode.uses_reference and (reference is None or arm.images is reference):
            made.append(arm)
            continue
        slices = [
            SliceEvidence(
                image,
                maximum,
                reference=None if reference is None else reference[index],
                other=None if other is None else other[index],
            )
            for index, image in enumerate(arm.images)
        ]
        made.append(replace(arm, hallucinations=hallucination_map(mode.name, slices)))
    return tuple(made)


def threshold_for(
    names: Sequence[str],
    maps: Sequence[Images | None],
    mode: Mode,
    oracle: Images | None,
    rule: str | None = None,
) -> Threshold:
    """Choose a threshold from the maps of this scan.

    By the rule "authors" the mode's own, by "oracle" the 99th percentile of the oracle's map,
    else that of the first arm's map; by "bhadra" the 95th percentile of the first arm's map.

    Args:
        names: Of the arms.
        maps: Of the arms; maps that are missing or not finite are passed over.
        mode: Whose maps they are.
        oracle: The oracle's map; None if it is itself the reference, or disagrees with the model
            in question.
        rule: Of `thresholds.RULES`; None: "authors" if they gave one, else "oracle".

    Raises:
        WrongUse: There is no such rule, or the mode's authors gave no threshold.
    """
    check_rule(mode, rule)
    pairs = zip(names, maps, strict=True)
    finite = [(name, own) for name, own in pairs if own is not None and np.isfinite(own).all()]
    what = "errors" if mode.name == "error" else mode.title
    if rule == "bhadra" and finite:
        name, own = finite[0]
        return Threshold(
            bhadra_threshold(own),
            f"95th percentile of the {what} of {name} itself (Bhadra et al.): about 5 % of it is "
            "highlighted whatever it shows",
        )
    if rule in (None, "authors") and mode.own_threshold is not None:
        return Threshold(mode.own_threshold, "as its authors set it")
    if oracle is not None and np.isfinite(oracle).all():
        return Threshold(
            calibrate([oracle]), f"99th percentile of the oracle's own {what} in this scan"
        )
    if finite:
        name, own = finite[0]
        return Threshold(
            calibrate([own]),
            f"99th percentile of the {what} of {name} itself, as there is no oracle's to "
            "calibrate on: about 1 % of it is highlighted whatever it shows",
        )
    return Threshold(0.1, "a tenth of the maximum, as no arm has finite errors to calibrate on")


def check_rule(mode: Mode, rule: str | None) -> None:
    """Refuse a rule that cannot find a threshold for this mode.

    Raises:
        WrongUse: There is no such rule, or the mode's authors gave no threshold.
    """
    if rule is not None:
        find_rule(rule)
    if rule == "authors" and mode.own_threshold is None:
        raise WrongUse(
            f"The authors of the {mode.title} gave no threshold; choose the rule oracle or bhadra."
        )


def usable(value: float | None) -> bool:
    """Whether a card's threshold is one."""
    return value is not None and math.isfinite(value) and value > 0


def _others(arms: Sequence[ArmResult]) -> list[Images]:
    if len(arms) < 2:
        raise EvaluationError("One model alone cannot disagree: choose a second one.")
    oracle = next((i for i, arm in enumerate(arms) if arm.role == "oracle"), 0)
    first_other = next(i for i in range(len(arms)) if i != oracle)
    return [arms[first_other if i == oracle else oracle].images for i in range(len(arms))]
