import time
from itertools import pairwise

import pytest
from qtpy.QtCore import QTimer

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.worker import Jobs


def _run(qtbot, jobs, work, **options):
    with qtbot.waitSignal(jobs.ended, timeout=5000) as ended:
        jobs.start("Testing", work, **options)
    return ended.args[0]


@pytest.fixture
def jobs(qtbot):
    return Jobs()


def test_every_event_arrives_in_order(qtbot, jobs):
    seen = []
    jobs.yielded.connect(seen.append)
    end = _run(qtbot, jobs, lambda token: iter(range(500)))
    assert seen == list(range(500))
    assert end.outcome == "finished"
    assert not jobs.running


def test_events_reach_the_window_at_most_ten_times_a_second(qtbot, jobs):
    def slow(token):
        for number in range(60):
            time.sleep(0.005)
            yield number

    arrivals = []
    jobs.yielded.connect(lambda _: arrivals.append(time.monotonic()))
    _run(qtbot, jobs, slow)
    bursts = 1 + sum(b - a > 0.05 for a, b in pairwise(arrivals))
    assert len(arrivals) == 60
    assert bursts <= 2 + (arrivals[-1] - arrivals[0]) / 0.1


def test_an_event_that_takes_long_has_a_turn_of_the_event_loop_to_itself(qtbot, jobs):
    turns, at = [], []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(len(at)))
    timer.start(0)

    def show(number):
        time.sleep(0.02 if number < 3 else 0)
        at.append(number)

    def three_slow_and_many_quick(token):
        yield from range(20)

    jobs.yielded.connect(show)
    _run(qtbot, jobs, three_slow_and_many_quick)
    assert at == list(range(20))
    assert {1, 2, 3} < set(turns)
    assert 10 not in turns, "quick ones come together"


def test_cuda_out_of_memory_becomes_one_sentence(qtbot, jobs):
    def full(token):
        yield 1
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore\nlines")

    end = _run(qtbot, jobs, full, place="NVIDIA Test")
    assert end.outcome == "failed"
    assert end.message.startswith("Out of memory on NVIDIA Test: ")
    assert "\n" not in end.message
    assert _run(qtbot, jobs, lambda token: iter(())).outcome == "finished"


def test_an_error_while_the_work_starts_is_not_lost(qtbot, jobs):
    def broken(token):
        raise UnlearnError("No such file.")

    end = _run(qtbot, jobs, broken)
    assert (end.outcome, end.message) == ("failed", "No such file.")


def test_a_fault_of_ours_says_so(qtbot, jobs):
    def broken(token):
        yield {}["missing"]

    end = _run(qtbot, jobs, broken)
    assert "not your fault" in end.message
    assert "KeyError" in end.message


def test_cancel_closes_the_generator_within_a_second(qtbot, jobs):
    closed = []

    def endless(token):
        try:
            while True:
                time.sleep(0.02)
                yield 1
        finally:
            closed.append(time.monotonic())

    jobs.start("Testing", endless)
    qtbot.wait(200)
    with qtbot.waitSignals([jobs.cancelling, jobs.ended], timeout=1000):
        jobs.cancel()
    assert len(closed) == 1


def test_one_job_at_a_time(qtbot, jobs):
    def endless(token):
        while True:
            time.sleep(0.01)
            yield 1

    jobs.start("Testing", endless)
    with pytest.raises(UnlearnError, match="Another job"):
        jobs.start("Again", endless)
    with qtbot.waitSignal(jobs.ended, timeout=2000):
        jobs.cancel()
