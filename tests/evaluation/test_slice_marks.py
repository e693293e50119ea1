from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.evaluation.slice_marks import highlight_slice, put_slice
from tests.evaluation.synthetic import SIZE, comparison, square

FAULT, OTHER = (0, 20, 20, 8, 8, 0.5), (1, 40, 20, 8, 8, 0.5)


def mapped():
    """Three arms on two slices, highlighted by a map of their own, in a tilted scanner."""
    made = comparison(
        {"G": ("original", [FAULT, OTHER]), "O": ("oracle", []), "U": ("unlearned", [OTHER])},
        slices=2,
    )
    affine = np.array([[0.2, 0, 2, -60], [0, -2, 0, 60], [5, 0, 0.1, -5], [0, 0, 0, 1.0]])
    arms = tuple(replace(arm, hallucinations=arm.errors.copy()) for arm in made.arms)
    header = replace(made.header, affine=affine)
    return highlight(replace(made, header=header, arms=arms, mode="null-space"), 0.2)


def told(made):
    return [
        [
            (r.label, r.kind, r.slice, r.centre, r.box, r.area, r.mean_error, r.polarity)
            for r in arm.regions
        ]
        for arm in made.arms
    ]


def test_only_the_arms_that_get_a_map_change_and_only_on_that_slice():
    made = mapped()
    before = [arm.hallucinations.copy() for arm in made.arms]
    new = np.full((SIZE, SIZE), 0.7, np.float32)
    put_slice(made, 1, (new, None, None))
    np.testing.assert_array_equal(made.arms[0].hallucinations[1], new)
    np.testing.assert_array_equal(made.arms[0].hallucinations[0], before[0][0])
    for arm, old in zip(made.arms[1:], before[1:], strict=True):
        np.testing.assert_array_equal(arm.hallucinations, old)


def test_one_slice_marked_anew_is_what_marking_all_would_give():
    made = mapped()
    maps = [arm.hallucinations[1].copy() for arm in made.arms]
    square(maps[0], 10, 40, 12, 12, 0.6)
    square(maps[0], 15, 45, 1, 2, -0.6)  # a hole that is filled
    square(maps[2], 44, 44, 9, 9, 0.6)
    put_slice(made, 1, maps)
    part, whole = highlight_slice(made, 1), highlight(made, 0.2)
    assert told(part) == told(whole)
    assert told(part) != told(made)
    for one, other in zip(part.arms, whole.arms, strict=True):
        np.testing.assert_array_equal(one.highlights, other.highlights)
        for ours, theirs in zip(one.regions, other.regions, strict=True):
            assert ours.place == pytest.approx(theirs.place)


def test_regions_of_other_slices_stay():
    made = mapped()
    put_slice(made, 1, [np.zeros((SIZE, SIZE), np.float32)] * 3)
    part = highlight_slice(made, 1)
    assert {region.slice for arm in part.arms for region in arm.regions} == {0}
    assert not any(arm.highlights[1].any() for arm in part.arms)
    assert part.arms[0].highlights[0].any()


def test_an_arm_without_a_map_stays_without_regions():
    made = mapped()
    oracle = replace(made.arms[1], hallucinations=None, highlights=None, regions=())
    made = replace(made, arms=(made.arms[0], oracle, made.arms[2]))
    assert highlight_slice(made, 0).arms[1] is oracle
