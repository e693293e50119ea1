"""Where a reconstruction plainly departs from the reference, and what became of it.

A pixel is highlighted where its lightly smoothed error, or another map of
`evaluation.hallucination` in its place, exceeds a threshold that is calibrated on the oracle:
errors that a model without the forget set makes too are not the forget set's doing.
Highlighted pixels that touch form a region of one slice; regions below a minimal area are
speckle and dropped. H is the set of regions of an arm:

    removed    = H_original minus H_arm
    remaining  = H_original and H_arm
    introduced = H_arm minus H_original

decided region by region, by majority: a region is absent from the other arm if at least
half of its pixels lie below the threshold there.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_unlearn.evaluation.comparison import (
    KIND_VALUES,
    ArmResult,
    Comparison,
    Kind,
    Region,
    Role,
)
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.regions import Components
from napari_unlearn.mri.scan import Header

SMOOTHING = 1.0
"""Standard deviation of the in-plane Gaussian that errors pass before the threshold [pixels]."""

MINIMAL_AREA = 20.0
"""Regions below this are speckle [mm^2]: a disc of 5 mm diameter."""

MINIMAL_PIXELS = 6
"""The same for coarse voxels, where 20 mm^2 would be a pixel or two."""

BY_HAND = "set by hand"
"""Where a threshold comes from that no rule has found."""

ABSENT = 0.5
"""Share of a region's pixels below the threshold from which on it counts as absent."""


def highlight(
    comparison: Comparison,
    threshold: float,
    minimal_area: float | None = None,
    threshold_from: str = BY_HAND,
) -> Comparison:
    """Mark the regions of every arm anew; fast enough for a slider.

    The original's tile shows its own regions, coloured by what became of them in the
    first unlearned arm (without one: in the oracle; without both all are `remaining`).
    Every other tile shows its own regions, `remaining` or `introduced`, and under them
    those of the original that it lacks, `removed`. The oracle's tile thus shows what
    was achievable. Without an original all regions of an arm are `remaining`.

    Args:
        comparison: Arms with error maps, or with maps of another mode.
        threshold: Error above which a pixel is highlighted, in the unit of `comparison.mode`.
        minimal_area: [mm^2]; None takes `default_minimal_area`.
        threshold_from: Where the threshold comes from, in words.

    Raises:
        EvaluationError: No arm has an error map, or the threshold is no number >= 0.
    """
    marked = [comparison.marked(arm) for arm in comparison.arms]
    if all(values is None for values in marked):
        raise EvaluationError("Without a reference there are no errors to highlight.")
    if not threshold >= 0:
        raise EvaluationError(f"The highlight threshold {threshold} must be a number >= 0.")
    if minimal_area is None:
        minimal_area = default_minimal_area(comparison.header)
    pixel = pixel_area(comparison.header)
    found = {
        index: Components.find(smooth(values), threshold, minimal_area / pixel)
        for index, values in enumerate(marked)
        if values is not None
    }
    original = _first(comparison, "original")
    judge = _first(comparison, "unlearned", "oracle")
    arms = []
    for index, arm in enumerate(comparison.arms):
        if index not in found:
            arms.append(replace(arm, highlights=None, regions=()))
            continue
        layers: list[tuple[Kind, Components]]
        if original is None:
            layers = [("remaining", found[index])]
        elif index == original:
            layers = _fates(found[index], None if judge is None else found[judge])
        else:
            layers = _changes(found[original], found[index])
        lacked = arm if original is None else comparison.arms[original]
        arms.append(_mark(arm, layers, comparison, pixel, lacked.images))
    return replace(
        comparison,
        arms=tuple(arms),
        threshold=float(threshold),
        threshold_from=threshold_from,
        minimal_area=float(minimal_area),
    )


def calibrate(error_maps: Sequence[NDArray[np.floating]], percentile: float = 99.0) -> float:
    """Find the error that the oracle exceeds in 1 % of the pixels of held-out scans.

    The result is what a card keeps as `metrics["error_p99"]`.

    Args:
        error_maps: The oracle's `error_map` of each scan, (slices, rows, columns) each.
        percentile: In (0, 100).

    Raises:
        EvaluationError: No error map, errors that are not finite, or a percentile out of range.
    """
    if not error_maps:
        raise EvaluationError("The highlight threshold cannot be calibrated on no error map.")
    if not 0 < percentile < 100:
        raise EvaluationError(f"Percentile {percentile:g} must lie between 0 and 100.")
    values = np.concatenate([smooth(errors).ravel() for errors in error_maps])
    if not np.isfinite(values).all():
        raise EvaluationError("The oracle's error maps hold values that are not finite.")
    return float(np.percentile(values, percentile))


def outline(
    values: NDArray[np.floating],
    threshold: float,
    header: Header,
    minimal_area: float | None = None,
) -> NDArray[np.bool_]:
    """Mark the regions of one slice of a map, (rows, columns): what a slider redraws.

    Arguments as in `highlight`; `values` is one slice, not yet smoothed.
    """
    if minimal_area is None:
        minimal_area = default_minimal_area(header)
    found = Components.find(smooth(values)[None], threshold, minimal_area / pixel_area(header))
    return found.labels[0] > 0


def smooth(errors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Average errors over neighbours in the plane, (..., rows, columns); NaN becomes infinite."""
    sigma = (0.0,) * (errors.ndim - 2) + (SMOOTHING, SMOOTHING)
    known = np.where(np.isnan(errors), np.inf, errors).astype(np.float32, copy=False)
    return gaussian_filter(known, sigma)


def default_minimal_area(header: Header) -> float:
    """`MINIMAL_AREA`, or `MINIMAL_PIXELS` pixels where those are larger [mm^2]."""
    return max(MINIMAL_AREA, MINIMAL_PIXELS * pixel_area(header))


def pixel_area(header: Header) -> float:
    """Area of one pixel in the plane [mm^2]."""
    return float(header.voxel_size[1] * header.voxel_size[2])


def fate_arm(comparison: Comparison) -> ArmResult | None:
    """Find the arm that decides what became of the original's regions, if both take part."""
    judge = _first(comparison, "unlearned", "oracle")
    if judge is None or _first(comparison, "original") is None:
        return None
    return comparison.arms[judge]


def _first(comparison: Comparison, *roles: Role) -> int | None:
    candidates = (
        index
        for role in roles
        for index, arm in enumerate(comparison.arms)
        if arm.role == role and comparison.marked(arm) is not None
    )
    return next(candidates, None)


def _fates(own: Components, judge: Components | None) -> list[tuple[Kind, Components]]:
    if judge is None:
        return [("remaining", own)]
    gone = own.share_outside(judge.above) >= ABSENT
    return [("removed", own.keep(gone)), ("remaining", own.keep(~gone))]


def _changes(original: Components, own: Components) -> list[tuple[Kind, Components]]:
    gone = original.share_outside(own.above) >= ABSENT
    new = own.share_outside(original.above) >= ABSENT
    return [
        ("removed", original.keep(gone)),
        ("remaining", own.keep(~new)),
        ("introduced", own.keep(new)),
    ]


def _mark(
    arm: ArmResult,
    layers: list[tuple[Kind, Components]],
    comparison: Comparison,
    pixel: float,
    lacked: NDArray[np.float32],
) -> ArmResult:
    """Paint the layers, later over earlier, and list their regions, the largest first.

    `lacked` are the images in which removed regions were seen.
    """
    highlights = np.zeros(arm.images.shape, np.uint8)
    regions: list[Region] = []
    for kind, components in layers:
        highlights[components.labels > 0] = KIND_VALUES[kind]
        source = lacked if kind == "removed" else arm.images
        regions += components.table(kind, arm.images, comparison, pixel, source)
    regions.sort(key=lambda region: (-region.area, region.slice, region.centre))
    numbered = tuple(replace(region, label=i) for i, region in enumerate(regions, start=1))
    return replace(arm, highlights=highlights, regions=numbered)
