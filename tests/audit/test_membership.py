import numpy as np
import pytest

from napari_unlearn.audit.membership import auc_of, gap_of, privleak, rate_of
from napari_unlearn.evaluation.membership import attack
from tests.audit.made_up import moved, people

MEMBERS, OTHERS = people("forget", 15), people("other", 20, seed=3)


def test_people_who_are_alike_give_a_half_within_the_interval():
    auc = auc_of(attack(MEMBERS, OTHERS))
    assert auc.low < 0.5 < auc.high
    assert auc.value == pytest.approx(0.5, abs=0.2)


def test_the_gap_is_sharper_than_either_auc_as_the_same_people_are_drawn():
    own, oracle = attack(moved(MEMBERS, -0.1), OTHERS), attack(MEMBERS, OTHERS)
    gap, auc = gap_of(own, oracle), auc_of(own)
    assert gap.value == pytest.approx(own.auc - oracle.auc)
    assert 0 < gap.low < gap.value < gap.high
    assert gap.high - gap.low < 0.7 * (auc.high - auc.low)


def test_a_model_beside_itself_has_no_gap():
    same = gap_of(attack(MEMBERS, OTHERS), attack(MEMBERS, OTHERS))
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_one_person_of_a_kind_leaves_no_interval():
    single = attack({"forget 1": np.zeros(3)}, OTHERS)
    assert auc_of(single).low is None
    assert gap_of(single, single).high is None


def test_privleak_is_the_relative_change_of_what_is_left_to_guess():
    assert privleak(0.5, 0.5) == 0
    assert privleak(0.75, 0.5) == pytest.approx(-50)
    assert privleak(0.25, 0.5) == pytest.approx(50)
    assert privleak(0.5, 1.0) is None


def test_members_are_found_at_the_lowest_rate_that_the_hold_out_resolves():
    sure = rate_of(moved(MEMBERS, -5), OTHERS)
    assert (sure.allowed, sure.found, sure.low, sure.high) == (0.05, 1, 1, 1)
    assert rate_of(moved(MEMBERS, 5), OTHERS).found == 0
    assert rate_of(MEMBERS, people("other", 9)) is None


def test_the_rate_counts_members_below_all_others_but_those_that_may_be_accused():
    others = {f"other {n}": np.array([float(n)]) for n in range(1, 21)}
    members = {f"forget {n}": np.array([value]) for n, value in enumerate((0.5, 1.5, 2.5, 9.0))}
    assert rate_of(members, others).found == pytest.approx(2 / 4)  # below 2, as 1 may be accused
