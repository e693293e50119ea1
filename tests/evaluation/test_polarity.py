from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.evaluation.highlights import highlight, outline, smooth
from napari_unlearn.evaluation.polarity import place_of
from tests.evaluation.synthetic import comparison, square

PLACE = (0, 28, 28, 8, 8)
AFFINE = np.array([[0, 0, -2.0, 60], [0, -3.0, 0, 40], [5.0, 0, 0, -10], [0, 0, 0, 1]])


def region(value, expected=0.0, noise=0.0):
    """The region of an arm that draws `value` where the reference has `expected`."""
    made = comparison({"U": ("unlearned", [(*PLACE, value)])})
    square(made.reference[0], *PLACE[1:], expected)
    rng = np.random.default_rng(0)
    made.reference[:] += noise * rng.standard_normal(made.reference.shape)
    images = made.arms[0].images
    errors = np.abs(images - made.reference)
    arms = (replace(made.arms[0], errors=errors),)
    return highlight(replace(made, arms=arms), 0.2).arms[0].regions[0]


@pytest.mark.parametrize(("value", "polarity"), [(0.5, "brighter"), (-0.5, "darker")])
def test_structure_on_a_smooth_reference_was_invented(value, polarity):
    assert region(value).polarity == polarity
    assert region(value, noise=0.03).polarity == polarity


@pytest.mark.parametrize("expected", [0.5, -0.5])
def test_structure_of_the_reference_that_is_missing_was_lost(expected):
    found = region(0.0, expected)
    assert found.polarity == "lost"
    assert np.sign(found.mean_error) == -np.sign(expected)


def test_structure_that_is_only_half_there_was_lost_in_part():
    assert region(0.2, 0.6).polarity == "lost"


def test_a_removed_region_is_still_called_what_it_was():
    made = comparison({"G": ("original", [(*PLACE, 0.5)]), "U": ("unlearned", [])})
    (removed,) = highlight(made, 0.2).arms[1].regions
    assert (removed.kind, removed.polarity) == ("removed", "brighter")


def test_a_region_says_where_it_lies_in_the_scanner():
    made = comparison({"U": ("unlearned", [(1, *PLACE[1:], 0.5)])}, slices=2)
    placed = replace(made, header=replace(made.header, affine=AFFINE))
    (found,) = highlight(placed, 0.2).arms[0].regions
    row, column = found.centre
    assert found.place == pytest.approx((60 - 2 * column, 40 - 3 * row, -10 + 5 * 1))
    assert place_of(made.header, 0, 1.0, 2.0) is None
    (nowhere,) = highlight(made, 0.2).arms[0].regions
    assert nowhere.place is None


def test_without_a_reference_a_map_is_marked_all_the_same():
    made = comparison({"U": ("unlearned", [])})
    values = np.zeros_like(made.arms[0].images)
    square(values[0], *PLACE[1:], 0.5)
    arm = replace(made.arms[0], errors=None, hallucinations=values)
    blind = replace(made, reference=None, mode="measurement", arms=(arm,))
    (found,) = highlight(blind, 0.2).arms[0].regions
    assert found.polarity == "unknown"
    assert np.isnan(found.mean_error)


def test_one_slice_is_outlined_as_the_whole_volume_is():
    made = comparison({"U": ("unlearned", [(*PLACE, 0.5), (0, 10, 10, 2, 2, 0.9)])})
    marked = highlight(made, 0.2).arms[0]
    found = outline(made.arms[0].errors[0], 0.2, made.header)
    np.testing.assert_array_equal(found, marked.highlights[0] > 0)
    assert smooth(made.arms[0].errors)[0][found].min() > 0.2
