"""Where models contradict each other: what can be shown of a scan without ground truth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import Mode, find_mode


def disagreement(
    images: Sequence[NDArray[np.float32]], maximum: float | None = None
) -> NDArray[np.float32]:
    """Standard deviation over models at every pixel, as a fraction of the maximum.

    s = sqrt(mean over m of (x_m - mean x)^2) / maximum. Where all models err alike it is zero:
    it shows doubt, never correctness.

    Args:
        images: x_m, (slices, rows, columns) each, at least two models.
        maximum: Data range; None takes the largest value of all.

    Raises:
        EvaluationError: Fewer than two models.
    """
    if len(images) < 2:
        raise EvaluationError("One model cannot disagree with itself; compare at least two.")
    top = max(float(each.max()) for each in images) if maximum is None else maximum
    return np.asarray(np.std(np.stack(images), axis=0) / (top or 1.0), dtype=np.float32)


def shown_instead(comparison: Comparison) -> str:
    """Say what takes the place of errors where a scan has no ground truth; "" if it has one.

    A reference that was chosen in its place, although there is one, is no such case: its
    remarks do not say that the ground truth is missing.
    """
    look = find_mode(comparison.mode)
    if comparison.reference is not None:
        missing = any(remark.startswith("No ground truth") for remark in comparison.remarks)
        if not missing:
            return ""
        if look.name != "error":
            return _map_instead(look, comparison.reference_name)
        return (
            f"No ground truth. Shown instead: departures from {comparison.reference_name}, which "
            "may be wrong itself."
        )
    if any(comparison.marked(arm) is not None for arm in comparison.arms):
        return _map_instead(look, "")
    if len(comparison.arms) < 2:
        return "No ground truth and one model: nothing to measure it against."
    return (
        f"No ground truth. Shown instead: disagreement between {len(comparison.arms)} models "
        "(standard deviation, fraction of the maximum). Where all are wrong alike it shows nothing."
    )


def _map_instead(look: Mode, reference: str) -> str:
    if look.uses_reference:
        what = f", set against {reference}, which may be wrong itself."
    elif look.uses_other:
        what = ". Where both models are wrong alike it shows nothing."
    else:
        what = ": what contradicts the measured lines. What agrees with them may be false as well."
    return f"No ground truth. Shown instead: {look.title}{what}"
