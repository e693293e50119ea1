"""Idle time, breaks and broken clocks do not count as looking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unlearn.reading.stopwatch import Stopwatch
from tests.reading.studies import Clock

LIMIT = 60.0


def test_time_between_signs_of_life_counts_up_to_the_limit():
    clock = Clock()
    watch = Stopwatch(LIMIT, clock)
    clock.run(20)
    watch.touch()
    assert not watch.idle
    clock.run(600)
    assert watch.idle
    assert watch.seconds == 80
    watch.touch()
    assert not watch.idle
    clock.run(5)
    assert watch.restart() == 85
    assert watch.seconds == 0


def test_a_break_does_not_count():
    clock = Clock()
    watch = Stopwatch(LIMIT, clock)
    clock.run(3)
    watch.pause()
    clock.run(30)
    watch.touch()
    clock.run(30)
    assert watch.seconds == 3
    assert not watch.idle
    watch.resume()
    clock.run(2)
    assert watch.seconds == 5


@given(st.lists(st.floats(-1e9, 1e9), max_size=30))
def test_jumps_of_the_clock_neither_take_time_away_nor_add_more_than_the_limit(jumps):
    clock = Clock()
    watch = Stopwatch(LIMIT, clock)
    before = 0.0
    for jump in jumps:
        clock.run(jump)
        watch.touch()
        assert before <= watch.seconds <= before + LIMIT
        before = watch.seconds
    assert watch.seconds <= LIMIT * len(jumps)


def test_the_computers_own_clock_is_used_by_default():
    assert Stopwatch(LIMIT).seconds == pytest.approx(0, abs=1)
