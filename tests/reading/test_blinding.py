"""Letters hide arms: always the same for one reader and case, at random for everybody else."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unlearn.reading.blinding import arm_order, case_order, letters

names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
arms = st.lists(names, min_size=2, max_size=6, unique=True)


@given(st.integers(0, 2**63), names, names, arms, st.randoms())
def test_every_arm_gets_one_letter_whatever_the_order_of_the_file(seed, reader, case, arms, chance):
    shuffled = list(arms)
    chance.shuffle(shuffled)
    first = arm_order(seed, reader, case, arms)
    assert sorted(first) == sorted(arms)
    assert arm_order(seed, reader, case, shuffled) == first
    assert len(letters(len(arms))) == len(arms)


@given(st.integers(0, 2**63), names, st.lists(names, min_size=1, max_size=8, unique=True), names)
def test_a_case_that_is_added_moves_no_other(seed, reader, cases, more):
    before = case_order(seed, reader, cases)
    after = case_order(seed, reader, {*cases, more})
    assert sorted(before) == sorted(cases)
    assert [case for case in after if case in cases] == list(before)


@pytest.mark.parametrize("changed", ["seed", "reader", "case"])
def test_seed_reader_and_case_each_change_the_letters(changed):
    orders = {
        arm_order(
            number if changed == "seed" else 0,
            f"anna {number}" if changed == "reader" else "anna",
            f"head {number}" if changed == "case" else "head",
            "abc",
        )
        for number in range(60)
    }
    assert len(orders) == 6  # all that there are; missing one has a chance of 1e-4


def test_every_arm_stands_behind_every_letter_equally_often():
    draws = 6000
    counts = Counter(
        (place, arm)
        for case in range(draws)
        for place, arm in enumerate(arm_order(1, "anna", str(case), "abc"))
    )
    # Five standard deviations of a binomial count.
    slack = 5 * (draws * (1 / 3) * (2 / 3)) ** 0.5
    assert all(abs(counts[place, arm] - draws / 3) < slack for place in range(3) for arm in "abc")


def test_case_and_reader_cannot_run_into_each_other():
    assert arm_order(0, "ab", "c", "12345678") != arm_order(0, "a", "bc", "12345678")


def test_one_reader_is_one_reader_however_spelt():
    assert arm_order(0, "  Anna  Meier ", "x", "abcd") == arm_order(0, "anna meier", "x", "abcd")
    assert arm_order(0, "André", "x", "abcd") == arm_order(0, "Andre\u0301", "x", "abcd")


def test_the_letters_of_today_are_those_of_tomorrow():
    """A study under way must not be shuffled anew by another version or machine."""
    found = arm_order(7, "Anna", "head-1", ("original", "oracle", "nl-ft"))
    assert found == ("oracle", "original", "nl-ft")
