import numpy as np
import pytest

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.lira import Shadow, lira
from napari_unlearn.audit.shadows import half, pooled

MEMBERS = [f"forget {n}" for n in range(12)]
OTHERS = [f"other {n}" for n in range(12)]
PEOPLE = MEMBERS + OTHERS


def shadows(count, leak, seed=0):
    """Models whose statistic is `leak` higher on who is inside, whatever else makes it differ."""
    rng = np.random.default_rng(seed)
    hard = dict(zip(PEOPLE, rng.normal(0, 3, len(PEOPLE)), strict=True))
    made = []
    for number in range(count):
        inside = half(PEOPLE, seed, number)
        value = {who: hard[who] + leak * (who in inside) + rng.normal(0, 0.3) for who in PEOPLE}
        made.append(Shadow(frozenset(inside), value))
    own = {who: hard[who] + leak * (who in MEMBERS) + rng.normal(0, 0.3) for who in PEOPLE}
    return own, made


def test_a_leak_is_found_behind_people_who_differ_far_more():
    own, made = shadows(8, leak=1.0)
    assert lira(own, MEMBERS, OTHERS, made).auc > 0.9


def test_without_a_leak_it_is_chance():
    own, made = shadows(8, leak=0.0)
    low, high = lira(own, MEMBERS, OTHERS, made).interval()
    assert low < 0.5 < high


def test_two_shadows_are_enough_to_rank():
    own, made = shadows(2, leak=3.0)
    assert lira(own, MEMBERS, OTHERS, made).auc > 0.8


def test_everybody_must_be_inside_once_and_outside_once():
    own, made = shadows(2, leak=1.0)
    with pytest.raises(AuditError, match="with and without every person"):
        lira(own, MEMBERS, OTHERS, made[:1])


def test_every_second_shadow_takes_the_other_half():
    one, two, three = (half(PEOPLE, 0, number) for number in range(3))
    assert sorted(one + two) == sorted(PEOPLE)
    assert three not in (one, two)


def test_people_of_both_sets_are_addressed_in_the_joint_set():
    joint = pooled({"forget 1": (0, 1)}, {"other 1": (0,), "other 2": (1, 2)}, 2)
    assert joint == {"forget 1": (0, 1), "other 1": (2,), "other 2": (3, 4)}
