"""Agreement against published tables and values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.reading.agreement import (
    icc_2_1,
    icc_interval,
    kappa_interval,
    kappa_of_table,
    weighted_kappa,
)

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
"""Four judges on six targets: table 2 of Shrout and Fleiss, 1979."""

COHEN = [[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]]
COHEN_WEIGHTS = [[0, 1, 3], [1, 0, 6], [3, 6, 0]]
"""Two psychiatrists on three diagnoses, and how grave disagreements are: Cohen, 1968."""


def test_icc_of_shrout_and_fleiss():
    assert icc_2_1(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


FIRST = [1, 2, 3, 4, 5, 3, 3, 2, 1, 4, 5, 5]
SECOND = [2, 2, 3, 5, 5, 1, 3, 2, 1, 3, 4, 5]
CASES = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "d"]


def test_kappa_of_scikit_learn():
    """cohen_kappa_score of scikit-learn 1.9.1, labels 1 to 5."""
    assert weighted_kappa(FIRST, SECOND) == pytest.approx(0.8333333333333334, rel=1e-12)
    assert weighted_kappa(FIRST, SECOND, "linear") == pytest.approx(0.6869565217391305, rel=1e-12)


def test_icc_of_variance_components():
    """Its definition: the targets' variance as a share of all three, each solved from the expected
    mean squares of a two-way layout; table 3 of Shrout and Fleiss has those mean squares."""
    values = np.array(SHROUT_FLEISS, float)
    n, k = values.shape
    targets, judges = np.var(values.mean(1), ddof=1) * k, np.var(values.mean(0), ddof=1) * n
    rest = (np.var(values) * n * k - targets * (n - 1) - judges * (k - 1)) / ((n - 1) * (k - 1))
    assert (targets, judges, rest) == pytest.approx((11.24, 32.49, 1.02), abs=0.005)
    shares = np.array([(targets - rest) / k, (judges - rest) / n, rest])
    assert icc_2_1(SHROUT_FLEISS) == pytest.approx(shares[0] / shares.sum(), rel=1e-12)


def test_intervals_are_percentiles_of_cases_drawn_anew():
    bootstrap = Bootstrap(resamples=200, seed=3)
    pairs = np.array([FIRST, SECOND]).T
    kappas, iccs = [], []
    for times in bootstrap.weights("cases", 4):
        rows = np.concatenate([[i] * times["abcd".index(c)] for i, c in enumerate(CASES)])
        drawn = pairs[rows.astype(int)]
        kappas.append(weighted_kappa(*drawn.T))
        iccs.append(icc_2_1(drawn))
    expected = bootstrap.interval(np.array(kappas))
    assert kappa_interval(FIRST, SECOND, CASES, bootstrap) == pytest.approx(expected)
    assert expected[0] < weighted_kappa(FIRST, SECOND) < expected[1]
    assert icc_interval(pairs, CASES, bootstrap) == pytest.approx(bootstrap.interval(iccs))


def test_no_interval_where_there_is_nothing_to_draw():
    one, same = ["a"] * 12, ["a", "b"]
    assert kappa_interval(FIRST, SECOND, one, Bootstrap()) is None
    assert icc_interval(np.array([FIRST, SECOND]).T, one, Bootstrap()) is None
    assert kappa_interval([3, 3], [3, 3], same, Bootstrap()) is None
    assert icc_interval([[3], [2]], same, Bootstrap()) is None
    assert icc_interval(np.zeros((0, 2)), [], Bootstrap()) is None


def test_icc_of_readers_that_differ_by_a_constant():
    """MedCalc's manual: (2,4), (4,6), (6,8) agree absolutely by 0.6667."""
    assert icc_2_1([[2, 4], [4, 6], [6, 8]]) == pytest.approx(2 / 3)


def test_kappa_of_cohen():
    unweighted = 1 - np.eye(3)
    assert kappa_of_table(COHEN, unweighted) == pytest.approx(0.492, abs=0.0005)
    assert kappa_of_table(COHEN, COHEN_WEIGHTS) == pytest.approx(0.348, abs=0.0005)


def test_full_agreement_is_one_and_opposition_is_not():
    assert weighted_kappa([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]) == 1
    assert weighted_kappa([1, 5], [5, 1]) == -1
    assert weighted_kappa([1, 2, 1, 2], [1, 1, 2, 2]) == 0


def test_near_misses_weigh_less_when_weights_are_quadratic():
    first, second = [1, 2, 3, 4, 5], [2, 2, 3, 4, 5]
    assert weighted_kappa(first, second) > weighted_kappa(first, second, "linear")


def test_nothing_is_claimed_where_nothing_can_be_said():
    assert weighted_kappa([], []) is None
    assert weighted_kappa([3, 3], [3, 3]) is None
    assert icc_2_1([[1, 2]]) is None
    assert icc_2_1([[1], [2]]) is None
    assert icc_2_1([[3, 3], [3, 3]]) is None
    assert icc_2_1(np.zeros((0, 2))) is None


scores = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)


@given(scores)
def test_quadratic_kappa_is_one_minus_the_mean_squared_difference_over_that_of_strangers(pairs):
    """Its definition, worked out over all pairs instead of a table."""
    first, second = np.array(pairs).T
    kappa = weighted_kappa(first, second)
    chance = np.subtract.outer(first, second).astype(float) ** 2
    if chance.mean() == 0:
        assert kappa is None
    else:
        assert kappa == pytest.approx(1 - ((first - second) ** 2).mean() / chance.mean())


@given(scores)
def test_both_are_the_same_whoever_is_named_first_and_at_most_one(pairs):
    first, second = np.array(pairs).T
    kappa, icc = weighted_kappa(first, second), icc_2_1(np.array(pairs))
    other = icc_2_1(np.array(pairs)[:, ::-1])
    if kappa is not None:
        assert kappa == pytest.approx(weighted_kappa(second, first))
        assert kappa <= 1
    assert (icc is None) == (other is None)
    if icc is not None:
        assert icc == pytest.approx(other)
        assert icc <= 1 + 1e-12
