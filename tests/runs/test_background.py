import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.runs.background import Unexpected, in_child
from napari_unlearn.runs.order import Order, carry_out
from napari_unlearn.unlearning.events import EpochEnd, Step
from napari_unlearn.unlearning.loop import train
from tests.runs import child_work
from tests.tiny_study import write_study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def token():
    return CancelToken()


def gone(pid, seconds):
    """Whether a process ends in time; a zombie that nobody reaps has ended."""
    try:
        process = psutil.Process(pid)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return False


def test_every_event_arrives_in_order(token):
    assert list(in_child(child_work.counting, token)) == list(range(500))


def test_the_child_knows_nothing_of_the_window_and_leaves_it_a_core(token):
    ((pid, window, threads),) = in_child(child_work.about_itself, token)
    assert pid != os.getpid()
    assert window == set()
    assert threads == max(1, (os.cpu_count() or 1) - 1)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="torch takes no more threads than cores")
def test_the_number_of_threads_can_be_chosen(token):
    count = os.cpu_count()
    ((_, _, threads),) = in_child(child_work.about_itself, token, threads=count)
    assert threads == count


def test_an_order_gives_the_same_events_and_weights_as_in_this_process(tmp_path):
    write_study(tmp_path)
    list(train(Experiment.load(tmp_path).training_job("original")))
    order = Order(tmp_path, "ft", steps=4, device="cpu")
    here = list(carry_out(order, CancelToken()))
    there = list(
        in_child(
            functools.partial(carry_out, dataclasses.replace(order, run_name="child")),
            CancelToken(),
            threads=torch.get_num_threads(),  # sums are rounded as they are shared out
        )
    )

    def comparable(events):  # how many steps are told depends on the clock
        return [type(event) for event in events if not isinstance(event, Step)], [
            (event.epoch, event.loss, event.metrics)
            for event in events
            if isinstance(event, EpochEnd)
        ]

    assert comparable(there) == comparable(here)
    weights = [load_checkpoint(events[-1].path)[0].state_dict() for events in (here, there)]
    assert all((weights[0][key] == weights[1][key]).all() for key in weights[0])


def test_cancel_stops_the_child_which_keeps_what_it_has(token):
    events = in_child(child_work.ticking, token)
    pid = next(events)
    assert next(events) == "tick"
    token.cancel()
    assert list(events)[-1] == "kept"
    assert gone(pid, 1)


def test_abort_reaches_the_child(token):
    events = in_child(child_work.ticking, token)
    next(events)
    token.abort()
    assert list(events)[-1] == "aborted"


def test_a_token_cancelled_beforehand_stops_the_child_at_its_first_look(token):
    token.cancel()
    assert list(in_child(child_work.ticking, token))[1:] in (["kept"], ["tick", "kept"])


def test_the_child_waits_while_paused_and_goes_on(token):
    events = in_child(child_work.ticking, token)
    next(events)
    token.pause()
    while next(events) != "paused":
        pass
    token.resume()
    assert next(events) == "resumed"
    assert next(events) == "tick"
    token.cancel()
    assert list(events)[-1] == "kept"


def test_a_paused_child_can_be_stopped(token):
    events = in_child(child_work.ticking, token)
    next(events)
    token.pause()
    while next(events) != "paused":
        pass
    token.cancel()
    assert list(events)[-1] == "kept"


def test_work_that_was_cancelled_raises_cancelled(token):
    events = in_child(child_work.checking, token)
    assert next(events) == "tick"
    token.cancel()
    with pytest.raises(Cancelled):
        list(events)


def test_a_mistake_keeps_its_sentence(token):
    events = in_child(child_work.mistaken, token)
    assert next(events) == "before"
    with pytest.raises(UnlearnError, match=r"^No such scan\.$"):
        next(events)


def test_another_exception_comes_with_type_and_text_and_leaves_a_traceback(token, caplog):
    with pytest.raises(Unexpected, match=r"^KeyError: 'missing'$"):
        list(in_child(child_work.broken, token))
    assert 'yield {}["missing"]' in caplog.text


def test_a_full_memory_is_called_that(token):
    with pytest.raises(Unexpected, match="out of memory"):
        list(in_child(child_work.full, token))


def test_an_event_that_cannot_be_sent_is_named(token):
    with pytest.raises(Unexpected, match="pickle"):
        list(in_child(child_work.unsendable, token))


def test_work_that_the_child_cannot_import_is_named(token, monkeypatch):
    def only_here(token):
        yield 1

    only_here.__module__, only_here.__qualname__ = child_work.__name__, "only_here"
    monkeypatch.setattr(child_work, "only_here", only_here, raising=False)
    with pytest.raises(Unexpected, match="only_here"):
        list(in_child(only_here, token))


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_killed_child_ends_in_one_sentence_that_says_what_is_kept(token):
    events = in_child(child_work.killed, token)
    next(events)
    os.kill(next(events), signal.SIGKILL)
    with pytest.raises(UnlearnError, match=r"killed \(signal 9\).*model.safetensors \(step 7\)"):
        next(events)


def test_closing_the_generator_lets_the_child_keep_what_it_has(token, tmp_path):
    note = tmp_path / "note"
    events = in_child(functools.partial(child_work.leaving_a_note, str(note)), token)
    pid = next(events)
    events.close()
    assert note.read_text() == "kept"
    assert gone(pid, 0.1)


def test_closing_after_abort_throws_away(token, tmp_path):
    note = tmp_path / "note"
    events = in_child(functools.partial(child_work.leaving_a_note, str(note)), token)
    next(events)
    token.abort()
    events.close()
    assert note.read_text() == "aborted"


def test_pictures_do_not_pile_up_for_a_slow_reader(token):
    events = in_child(functools.partial(child_work.pictures, 60), token)
    seen = []
    for event in events:
        assert (event.image == event.step).all()
        seen.append(event)
        time.sleep(0.02)
    assert {event.step for event in seen} >= {0, 10, 20, 30, 40, 50, 59}  # for keeps, and the last
    assert [event.step for event in seen] == sorted(event.step for event in seen)


def parent(work):
    """A program without a guard that follows a child and tells its first event."""
    return (
        "from napari_unlearn.runs.background import in_child\n"
        "from napari_unlearn.cancel import CancelToken\n"
        "from tests.runs import child_work\n"
        f"for event in in_child(child_work.{work}, CancelToken()):\n"
        "    print(event, flush=True)\n"
    )


def start(arguments):
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in its background deaf to Ctrl-C, and children inherit that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def test_a_child_does_not_outlive_a_killed_parent():
    program = start(["-c", parent("ticking")])
    pid = int(program.stdout.readline())
    program.kill()
    program.communicate()
    assert gone(pid, 2)


@pytest.mark.long
def test_a_child_that_does_not_look_goes_ten_seconds_after_its_parent():
    program = start(["-c", parent("deaf")])
    pid = int(program.stdout.readline())
    program.kill()
    program.communicate()
    assert gone(pid, 12)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C has no process group there")
@pytest.mark.parametrize("after", [0.0, 0.15, 0.5])
def test_ctrl_c_prints_no_traceback_of_the_child(after, tmp_path):
    script = tmp_path / "program.py"  # a file: its main module must not run in the child
    script.write_text("print('program', flush=True)\n" + parent("ticking"))
    program = start([str(script)])
    assert program.stdout.readline() == "program\n"
    time.sleep(after)
    os.killpg(program.pid, signal.SIGINT)
    said, wrong = program.communicate(timeout=20)
    assert "program" not in said
    assert wrong.count("Traceback") <= 1  # the program's own
    assert "in _child" not in wrong
    assert "spawn_main" not in wrong
