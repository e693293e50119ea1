"""From finished reconstructions to a comparison: reference, errors, quality, highlights."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import ArmResult, Comparison
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.error_map import error_map
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE, Mode, find_mode
from napari_unlearn.evaluation.highlights import BY_HAND, highlight
from napari_unlearn.evaluation.image_quality import volume_and_slice_quality
from napari_unlearn.evaluation.marking import (
    KspaceMaps,
    Threshold,
    threshold_for,
    usable,
    with_maps,
)
from napari_unlearn.mri.scan import Header

Reference = Literal["truth", "oracle"]
Images = NDArray[np.float32]


def assemble(
    header: Header,
    arms: Sequence[ArmResult],
    truth: Images | None,
    mask: NDArray[np.bool_],
    *,
    reference: Reference = "truth",
    threshold: float | None = None,
    calibrated: float | None = None,
    remarks: Iterable[str] = (),
    mode: str = DEFAULT_MODE,
    rule: str | None = None,
    kspace_maps: KspaceMaps | None = None,
) -> Comparison:
    """Judge every arm against the reference; run again to judge against another.

    Without a ground truth the oracle takes its place, and without both there are no
    errors, no figures and no highlights; the remarks say so. An arm that is the
    reference has no errors of its own. Maps that need no reference are highlighted all the
    same. The highlights' threshold is, in this order, `threshold`, `calibrated` (of the error
    map, which cards know), what `marking.threshold_for` finds.

    Args:
        header: Of the scan.
        arms: Names, roles and images; everything else is computed.
        truth: (slices, image_rows, image_columns), or None.
        mask: Acquired columns, (columns,).
        reference: What errors are measured against.
        threshold: Chosen by hand, fraction of the maximum.
        calibrated: "error_p99" of the oracle's card.
        remarks: Said before; more may be added.
        mode: Which map is highlighted, of `hallucination.MODES`.
        rule: How the threshold is found, of `thresholds.RULES`; None: as `threshold_for` does.
        kspace_maps: The maps, if the mode needs k-space.

    Raises:
        WrongUse: No such mode, or no such rule for it.
        EvaluationError: No arm; `reference` is "oracle" without an oracle; an empty reference.
    """
    if not arms:
        raise EvaluationError("There is nothing to compare: choose at least one model.")
    look = find_mode(mode)
    said = list(remarks)
    oracle = next((arm for arm in arms if arm.role == "oracle"), None)
    if reference == "oracle" and oracle is None:
        raise EvaluationError("No oracle among the models: it cannot serve as the reference.")
    chosen, name = truth, "Ground truth"
    if oracle is not None and (reference == "oracle" or truth is None):
        chosen, name = oracle.images, oracle.name
        if truth is None:
            said.append(f"No ground truth: errors are departures from {oracle.name}.")
    if chosen is None:
        name = "None"
        said.append(_blind(look))
    maximum = float(np.nanmax(arms[0].images) if chosen is None else chosen.max())
    judged = tuple(_judge(arm, None if arm.images is chosen else chosen) for arm in arms)
    mapped = with_maps(judged, look, chosen, maximum, kspace_maps)
    comparison = Comparison(
        header=header,
        reference=chosen,
        reference_name=name,
        maximum=maximum,
        mask=mask,
        threshold=math.nan,
        threshold_from="no reference, no highlights",
        arms=mapped,
        remarks=tuple(said),
        mode=mode,
        lam=None if kspace_maps is None else kspace_maps.lam,
    )
    return with_threshold(comparison, truth, threshold=threshold, calibrated=calibrated, rule=rule)


def with_threshold(
    comparison: Comparison,
    truth: Images | None,
    *,
    threshold: float | None = None,
    calibrated: float | None = None,
    rule: str | None = None,
) -> Comparison:
    """Highlight a judged comparison, above a threshold that is chosen as in `assemble`.

    Arguments as there; a comparison without any map comes back as it is.

    Raises:
        WrongUse: No such rule for the comparison's mode.
    """
    arms, look = comparison.arms, find_mode(comparison.mode)
    maps = [comparison.marked(arm) for arm in arms]
    if all(own is None for own in maps):
        return comparison
    by_card = look.name == "error" and rule in (None, "oracle") and usable(calibrated)
    if threshold is not None:
        found = Threshold(threshold, BY_HAND)
    elif by_card and calibrated is not None:
        found = Threshold(
            calibrated, "99th percentile of the oracle's errors on held-out scans (its card)"
        )
    else:
        own = _map_of_oracle(arms, maps, look, truth)
        found = threshold_for([arm.name for arm in arms], maps, look, own, rule)
    return highlight(comparison, found.value, threshold_from=found.origin)


def _blind(mode: Mode) -> str:
    if mode.uses_reference:
        return "No ground truth and no oracle: errors, figures and highlights cannot be given."
    return (
        f"No ground truth and no oracle: what is highlighted is the {mode.title}; errors and "
        "figures cannot be given."
    )


def _map_of_oracle(
    arms: Sequence[ArmResult],
    maps: Sequence[Images | None],
    mode: Mode,
    truth: Images | None,
) -> Images | None:
    """What the oracle does too; of errors against the truth even where it is the reference.

    None for disagreement, to which the model in question contributes as much as the oracle.
    """
    oracle = next((arm for arm in arms if arm.role == "oracle"), None)
    if oracle is None or mode.uses_other:
        return None
    if mode.name == "error":
        if truth is None or not np.isfinite(oracle.images).all():
            return None
        return error_map(oracle.images, truth)
    return next((own for arm, own in zip(arms, maps, strict=True) if arm.role == "oracle"), None)


def _judge(arm: ArmResult, reference: Images | None) -> ArmResult:
    blank = replace(
        arm,
        errors=None,
        highlights=None,
        regions=(),
        quality=None,
        slice_quality=(),
        hallucinations=None,
        null_share=None,
    )
    if reference is None:
        return blank
    volume, slices = volume_and_slice_quality(reference, arm.images)
    return replace(
        blank, errors=error_map(arm.images, reference), quality=volume, slice_quality=slices
    )
