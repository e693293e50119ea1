from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.pair import Pair, first_choice


@pytest.fixture
def pair(comparison):
    return Pair.of(comparison, "Original", "Unlearned")


def test_flicker_shows_one_or_the_other(pair):
    np.testing.assert_array_equal(pair.flicker(1, second=False), pair.a[1])
    np.testing.assert_array_equal(pair.flicker(1, second=True), pair.b[1])


@pytest.mark.parametrize("edge", [0.0, 0.25, 0.5, 1.0])
def test_a_wipe_is_a_left_of_its_edge_and_b_right_of_it(pair, edge):
    picture = pair.wipe(1, edge)
    column = round(64 * edge)
    np.testing.assert_array_equal(picture[:, :column], pair.a[1][:, :column])
    np.testing.assert_array_equal(picture[:, column:], pair.b[1][:, column:])
    assert not np.shares_memory(picture, pair.a)


def test_the_difference_is_signed_and_relative_to_the_maximum(comparison):
    pair = Pair.of(replace(comparison, maximum=2.0), "Original", "Oracle")
    found = pair.difference(1)
    assert found[20, 20] == pytest.approx(0.35 / 2)
    assert found[50, 5] == 0
    np.testing.assert_array_equal(
        Pair.of(comparison, "Oracle", "Original").difference(1), -2 * found
    )


def test_the_reference_can_be_one_of_the_two(comparison):
    pair = Pair.of(comparison, "Ground truth", "Original")
    assert pair.a is comparison.reference
    with pytest.raises(UnlearnError, match="Ground truth, Original, Oracle, Unlearned"):
        Pair.of(comparison, "Ground truth", "Nobody")


def test_what_is_shown_first(comparison, without_reference):
    assert first_choice(comparison) == ("Original", "Unlearned")
    assert first_choice(replace(comparison, arms=comparison.arms[:2])) == ("Original", "Oracle")
    alone = replace(without_reference, arms=without_reference.arms[:1])
    assert first_choice(alone) is None
