import numpy as np
import pytest

from napari_unlearn.audit.damage import damage_of
from tests.audit.made_up import moved, people

MEMBERS, OTHERS = people("forget", 10), people("other", 12, seed=2)


def test_damage_is_counted_in_standard_deviations_between_people():
    spread = np.std([own.mean() for own in (MEMBERS | OTHERS).values()], ddof=1)
    found = damage_of(moved(MEMBERS, 2 * spread), OTHERS, MEMBERS, OTHERS)
    assert found.forgotten.value == pytest.approx(2)
    assert (found.forgotten.low, found.forgotten.high) == pytest.approx((2, 2))
    assert found.strangers.value == 0


def test_the_oracle_itself_is_undamaged():
    found = damage_of(MEMBERS, OTHERS, MEMBERS, OTHERS)
    assert found.forgotten.value == found.strangers.value == 0


def test_without_differences_between_people_there_is_no_yardstick():
    flat = {"a": np.ones(3), "b": np.ones(3)}
    assert damage_of(MEMBERS, OTHERS, flat, flat) is None
