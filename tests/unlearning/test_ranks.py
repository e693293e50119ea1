"""Steps of several samples, and what a process that is alone makes of the meetings."""

import dataclasses

import pytest
import torch

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.engine import Engine
from napari_unlearn.unlearning.events import EpochEnd
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.ranks import Ranks, local_device
from napari_unlearn.unlearning.strategies import TRAIN


def test_every_sample_of_a_step_belongs_to_one_process():
    shares = [[*Ranks(rank, 4).share(12)] for rank in range(4)]
    assert [place for share in shares for place in share] == [*range(12)]
    assert {len(share) for share in shares} == {3}
    with pytest.raises(WrongUse, match="batch_size of 10 cannot be shared by 4 processes"):
        Ranks(0, 4).share(10)


def test_whoever_is_alone_waits_for_nobody():
    alone, tensor = Ranks(), torch.ones(2)
    alone.add_up([tensor])
    alone.take_from_first([tensor])
    alone.meet()
    assert torch.equal(tensor, torch.ones(2))
    assert alone.gathered("mine") == ["mine"]
    assert alone.any(True, False) == (True, False)
    assert local_device("auto") == "auto"


def test_a_step_of_two_samples_is_the_mean_of_both(job):
    """The same as two steps that move nothing."""
    still = dataclasses.replace(job, learning_rate=0.0)
    one = Engine(still)
    two = Engine(dataclasses.replace(still, batch_size=2))
    losses = [one.step(0), one.step(1)]
    assert two.step(0) == pytest.approx(sum(losses) / 2, abs=1e-7)


def test_epochs_stay_passes_over_the_samples(job):
    three = dataclasses.replace(job, batch_size=3)  # of four slices
    assert (three.steps_per_epoch, three.total_steps, three.passes_until(2)) == (2, 6, 6)
    with pytest.raises(UnlearnError, match="batch_size of 0"):
        dataclasses.replace(job, batch_size=0)


def test_running_statistics_do_not_depend_on_the_order_within_a_step(segmenting, heads):
    """What two processes would count of a sample each, averaged, is what one counts of both."""
    job = segmenting("ft", retain=heads["retain"], learning_rate=0.0)
    job = dataclasses.replace(
        job, strategy=TRAIN, task=dataclasses.replace(job.task, frozen_statistics=False)
    )
    changes = []
    for number in (0, 1):
        single = Engine(job)
        start = [each.clone() for each in single.plain.buffers() if each.is_floating_point()]
        single.step(number)
        ends = [each for each in single.plain.buffers() if each.is_floating_point()]
        changes.append([end - begin for end, begin in zip(ends, start, strict=True)])
    both = Engine(dataclasses.replace(job, batch_size=2))
    both.step(0)
    ends = [each for each in both.plain.buffers() if each.is_floating_point()]
    assert max(float(each.abs().max()) for each in changes[0]) > 1e-3
    for end, begin, first, second in zip(ends, start, *changes, strict=True):
        torch.testing.assert_close(end, begin + (first + second) / 2, rtol=1e-4, atol=1e-5)


def killed_after_two_epochs(job):
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break


def test_a_run_of_larger_steps_resumes_to_the_same_weights(job, tmp_path):
    job = dataclasses.replace(job, batch_size=2)
    whole = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))[-1].path
    killed_after_two_epochs(job)
    started, *_, finished = train(job, resume=True)
    assert started.resumed_at == 2
    first, second = (load_checkpoint(path)[0].state_dict() for path in (whole, finished.path))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_steps_of_another_size_do_not_resume(job):
    killed_after_two_epochs(dataclasses.replace(job, batch_size=2))
    with pytest.raises(UnlearnError, match="other settings"):
        list(train(dataclasses.replace(job, batch_size=4), resume=True))
