"""One slice of a finished comparison with another map: the others stay as they are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import ArmResult, Comparison
from napari_unlearn.evaluation.hallucination import Map
from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.mri.scan import Header


def put_slice(comparison: Comparison, index: int, maps: Sequence[Map | None]) -> None:
    """Write a slice into the arms' maps, in place: whoever shows them need only redraw it.

    Args:
        comparison: Its lambda and null shares stay those of the run, as they are means.
        index: Of the slice.
        maps: One per arm, (image_rows, image_columns); None leaves an arm's as it is.
    """
    for arm, values in zip(comparison.arms, maps, strict=True):
        whole = comparison.marked(arm)
        if whole is not None and values is not None:
            whole[index] = values


def highlight_slice(comparison: Comparison, index: int) -> Comparison:
    """Mark the regions of one slice anew, above the comparison's threshold.

    Regions lie within one slice each, so that this gives what `highlight` would, sooner.

    Raises:
        EvaluationError: As `highlight`.
    """
    found = highlight(
        _alone(comparison, index),
        comparison.threshold,
        comparison.minimal_area,
        comparison.threshold_from,
    )
    arms = tuple(
        _put_back(whole, one, index) for whole, one in zip(comparison.arms, found.arms, strict=True)
    )
    return replace(comparison, arms=arms)


def _alone(comparison: Comparison, index: int) -> Comparison:
    """The comparison of one slice, at its place in the scanner."""

    def one(volume: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if volume is None else volume[index : index + 1]

    arms = tuple(
        replace(
            arm,
            images=arm.images[index : index + 1],
            errors=one(arm.errors),
            hallucinations=one(arm.hallucinations),
            highlights=None,
            regions=(),
        )
        for arm in comparison.arms
    )
    header, reference = _header(comparison.header, index), one(comparison.reference)
    return replace(comparison, header=header, reference=reference, arms=arms)


def _header(header: Header, index: int) -> Header:
    if header.affine is None:
        return replace(header, slices=1)
    affine = header.affine.copy()
    affine[:, 3] += index * affine[:, 0]
    return replace(header, slices=1, affine=affine)


def _put_back(whole: ArmResult, one: ArmResult, index: int) -> ArmResult:
    if one.highlights is None:
        return whole
    highlights = (
        np.zeros(whole.images.shape, np.uint8)
        if whole.highlights is None
        else whole.highlights.copy()
    )
    highlights[index] = one.highlights[0]
    regions = [region for region in whole.regions if region.slice != index]
    regions += [replace(region, slice=index) for region in one.regions]
    regions.sort(key=lambda region: (-region.area, region.slice, region.centre))
    numbered = tuple(replace(region, label=i) for i, region in enumerate(regions, start=1))
    return replace(whole, highlights=highlights, regions=numbered)
