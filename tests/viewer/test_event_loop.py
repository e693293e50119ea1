import time
from array import array

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.event_loop import Gaps, Pulse


def test_gaps_are_counted_by_number_and_by_time():
    turns = array("d", [0.001 * index for index in range(1000)])
    turns.append(turns[-1] + 0.1)
    gaps = Gaps.between(turns)
    assert gaps.turns == 1001
    assert gaps.median == pytest.approx(1.0)
    assert gaps.worst == pytest.approx(100.0)
    assert gaps.within_limit == pytest.approx(0.999)
    assert gaps.time_within_limit == pytest.approx(0.999 / 1.099)


def test_a_loop_that_never_turned_is_no_measurement():
    with pytest.raises(UnlearnError, match="nothing was measured"):
        Gaps.between(array("d", [1.0]))


def test_a_slot_that_holds_up_the_window_is_found_in_its_phase(qtbot):
    pulse = Pulse()
    pulse.begin("calm")
    qtbot.wait(200)
    pulse.begin("busy")
    qtbot.wait(50)
    time.sleep(0.3)
    qtbot.wait(50)
    pulse.pause()
    assert pulse.gaps("busy").worst >= 300
    stall = max(pulse.stalls, key=lambda each: each.milliseconds)
    assert stall.phase == "busy"
    assert stall.cpu < 200  # it slept
    assert pulse.gaps("calm").turns > 20
