"""A run that is told to wait, to stop or to vanish."""

import dataclasses
import threading
import time

import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.claim import LOCK
from napari_unlearn.unlearning.events import (
    EpochEnd,
    Finished,
    Paused,
    Preparing,
    Preview,
    Started,
    Step,
)
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import EARLIER, EVENTS
from napari_unlearn.unlearning.resume import FILE
from napari_unlearn.unlearning.strategies import find_strategy


def same(first, second):
    one, two = (load_checkpoint(path)[0].state_dict() for path in (first, second))
    return all(torch.equal(one[key], two[key]) for key in one)


def test_a_pause_waits_is_not_counted_and_leaves_a_file_to_resume_from(job, tmp_path):
    whole = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))[-1]
    cancel, told = CancelToken(), []
    began = time.perf_counter()
    for event in train(job, cancel):
        if isinstance(event, Step) and not told:
            cancel.pause()
        if isinstance(event, Paused):
            told.append((event, (job.folder / FILE).exists()))
            threading.Timer(1.0, cancel.resume).start()
    wall = time.perf_counter() - began
    assert told == [(Paused(1), True), (Paused(1, resumed=True), True)]
    assert wall - event.seconds > 1.0
    assert same(event.path, whole.path)


def test_a_run_killed_while_it_is_paused_goes_on_to_the_same_weights(job, tmp_path):
    whole = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))[-1]
    cancel = CancelToken()
    for event in (events := train(job, cancel)):
        if isinstance(event, Step):
            cancel.pause()
        if isinstance(event, Paused):
            events.close()
            break
    started, *_, finished = train(job, resume=True)
    assert started.resumed_at == event.step == 1
    assert same(finished.path, whole.path)


def test_a_run_killed_while_an_evaluation_is_paused_measures_that_epoch_again(
    job, brains, tmp_path
):
    job = dataclasses.replace(job, tests={"retain_test": brains}, preview=brains.batch(0))
    whole = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))
    cancel = CancelToken()
    for event in (events := train(job, cancel)):
        if isinstance(event, Preview) and event.epoch == 2:
            cancel.pause()
        if isinstance(event, Paused):
            assert event.step == 8  # both steps and the picture of epoch 2 lie behind
            events.close()
            break
    started, *others, finished = train(job, resume=True)
    assert started.resumed_at == 8
    expected = [event for event in whole if isinstance(event, EpochEnd)][1:]
    found = [event for event in others if isinstance(event, EpochEnd)]
    assert [(end.epoch, end.loss, end.metrics) for end in found] == [
        (end.epoch, end.loss, end.metrics) for end in expected
    ]
    assert same(finished.path, whole[-1].path)


def test_a_paused_preparation_waits_without_a_half_edited_file(job, brains, knees, tmp_path):
    original = list(train(job))[-1].path
    strategy = find_strategy("ssd")
    edit = Job(strategy, job.card, tmp_path / "ssd", brains, knees, original, device="cpu")
    cancel, told = CancelToken(), []
    for event in train(edit, cancel):
        if isinstance(event, Preparing) and not told:
            cancel.pause()
        if isinstance(event, Paused):
            told.append(event.resumed)
            assert not (edit.folder / FILE).exists()
            cancel.resume()
    assert told == [False, True]
    assert event.path is not None


def test_a_stopped_run_keeps_the_model_and_resumes_where_it_stopped(job, tmp_path):
    whole = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))[-1]
    cancel = CancelToken()
    for event in train(job, cancel):
        if isinstance(event, EpochEnd) and event.epoch == 1:
            cancel.cancel()
    assert event.stopped
    assert event.path.exists()
    started, *_, finished = train(job, resume=True)
    assert started.resumed_at == event.steps
    assert same(finished.path, whole.path)


def test_a_run_stopped_in_its_last_evaluation_measures_when_it_is_resumed(job, brains):
    job = dataclasses.replace(job, tests={"retain_test": brains}, preview=brains.batch(0))
    cancel = CancelToken()
    for event in train(job, cancel):
        if isinstance(event, Preview) and event.epoch == 3:
            cancel.cancel()
    assert event.stopped
    assert "retain_test_ssim" not in load_checkpoint(event.path)[1].metrics
    before = event
    *_, finished = train(job, resume=True)
    assert (finished.steps, finished.stopped) == (before.steps, False)
    assert "retain_test_ssim" in load_checkpoint(finished.path)[1].metrics
    assert not (job.folder / FILE).exists()


def test_stopping_a_paused_run_ends_the_pause(job):
    cancel, told = CancelToken(), []
    for event in train(job, cancel):
        if isinstance(event, Step):
            cancel.pause()
        if isinstance(event, Paused):
            told.append(event)
            cancel.cancel()
    assert told == [Paused(1)]
    assert event.stopped
    assert event.path.exists()


@pytest.mark.parametrize("paused", [False, True])
def test_an_aborted_run_leaves_no_checkpoint(job, paused):
    cancel = CancelToken()
    for event in train(job, cancel):
        if isinstance(event, Step):
            (cancel.pause if paused else cancel.abort)()
        if isinstance(event, Paused):
            cancel.abort()
    assert event == Finished(1, event.seconds, None, stopped=True)
    assert {path.name for path in job.folder.iterdir()} == {EVENTS, LOCK}


def test_an_aborted_run_leaves_the_earlier_checkpoint_and_its_events_untouched(job):
    list(train(job))
    before = {path.name: path.read_bytes() for path in job.folder.iterdir()}
    assert EARLIER not in before
    for again in (1, 2):  # the second comes after one that was killed
        cancel = CancelToken()
        for event in (events := train(dataclasses.replace(job, seed=1), cancel)):
            if isinstance(event, Started):
                assert (job.folder / EARLIER).exists()
            if isinstance(event, EpochEnd) and event.epoch == 2:
                if again == 1:
                    events.close()
                    break
                cancel.abort()
    assert event.path is None
    assert {path.name: path.read_bytes() for path in job.folder.iterdir()} == before


def test_the_epoch_pictures_show_how_the_model_changes(job, brains):
    job = dataclasses.replace(job, preview=brains.batch(1))
    pictures = {
        e.epoch: e.image for e in train(job) if isinstance(e, Preview) and e.epoch in range(9)
    }
    assert list(pictures) == [0, 1, 2, 3]
    assert all((pictures[epoch] != pictures[epoch + 1]).any() for epoch in range(3))


def test_without_a_slice_in_view_there_are_no_pictures(job):
    assert not [event for event in train(job) if isinstance(event, Preview)]
