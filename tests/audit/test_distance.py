import numpy as np
import pytest
from scipy.stats import ks_2samp

from napari_unlearn.audit.distance import ks_distance
from tests.audit.made_up import moved, people

OWN = people("forget", 12)


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    other = people("forget", 12, mean=1.1, seed=5)
    pooled = [np.concatenate([*losses.values()]) for losses in (OWN, other)]
    assert ks_distance(OWN, other).value == pytest.approx(ks_2samp(*pooled).statistic)


def test_a_model_beside_itself_is_no_distance_away():
    found = ks_distance(OWN, OWN)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_everybody_moved_is_told_from_chance_and_samples_of_one_person_are_not():
    assert ks_distance(OWN, moved(OWN, 0.3)).p < 0.01
    strange = {**OWN, "forget 1": OWN["forget 1"] + 3}
    assert ks_distance(OWN, strange).p > 0.5  # one person is one observation, of 30 samples or 3


def test_few_people_can_never_tell():
    few = people("forget", 3)
    found = ks_distance(few, moved(few, 9))
    assert found.value == 1
    assert found.p > 0.05
    assert not found.telling
    assert ks_distance(OWN, moved(OWN, 9)).telling


def test_chance_is_told_from_difference_no_more_often_than_it_should():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        level = rng.normal(0, 1, (10, 1))
        pair = [level + rng.normal(0, 0.5, (10, 4)) for _ in range(2)]
        own, other = ({str(n): row for n, row in enumerate(rows)} for rows in pair)
        hits += ks_distance(own, other).p < 0.05
    assert hits <= 8  # 3 expected
