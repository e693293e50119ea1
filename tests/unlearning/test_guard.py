"""Retain quality that falls too far ends a run, and the best epoch is kept."""

import dataclasses
import json

import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.events import Alarm, EpochEnd, Finished, Saved, Step
from napari_unlearn.unlearning.guard import Guard, held_out
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.resume import FILE
from napari_unlearn.unlearning.strategies import find_strategy

EPOCHS = 5


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def figures(job):
    return json.loads((job.folder / "metrics.json").read_text())["metrics"]


def alarms(events):
    return [event.message for event in events if isinstance(event, Alarm)]


def ssims(events, name="retain_test"):
    return {e.epoch: e.metrics[f"{name}_ssim"] for e in events if isinstance(e, EpochEnd)}


@pytest.fixture
def harmful(unlearning, brains, tmp_path):
    """Makes gradient ascent with a constant rate, which worsens the retain set by and by."""

    def make(name, **changes):
        options = {
            "strategy": find_strategy("ga").with_parameters({"decay": 0}),
            "folder": tmp_path / name,
            "learning_rate": 3e-3,
            "epochs": EPOCHS,
            "tests": {"retain_test": brains},
        }
        return unlearning("ga", **{**options, **changes})

    return make


@pytest.fixture
def course(harmful):
    """SSIM by epoch without a guard; 0 is the original's."""
    still = harmful("still", learning_rate=1e-12, steps=1)
    values = {0: ssims(train(still))[1], **ssims(train(harmful("free")))}
    assert all(values[epoch] > values[epoch + 1] for epoch in range(EPOCHS))
    return values


def limit_after(course, epoch):
    """A limit that this epoch keeps and the next one breaks."""
    return course[0] - (course[epoch] + course[epoch + 1]) / 2


def test_beyond_the_limit_the_run_rolls_back_to_the_best_epoch_and_says_so(harmful, course):
    limit = limit_after(course, 2)
    job = harmful("guarded", guard=Guard(limit))
    *events, saved, finished = train(job)
    assert alarms(events) == [
        f"Retain SSIM (retain_test) fell from {course[0]:.3f} to {course[3]:.3f} after epoch 3, "
        f"more than the limit of {limit:g}: rolled back to epoch 2."
    ]
    per_epoch = job.steps_per_epoch
    assert saved == Saved(finished.path, 2 * per_epoch)
    assert (finished.steps, finished.stopped) == (3 * per_epoch, True)
    assert same(weights(finished.path), weights(list(train(harmful("two", epochs=2)))[-1].path))
    assert figures(job)["retain_test_ssim"] == course[2]
    assert figures(job)["kept_epoch"] == 2
    assert not (job.folder / FILE).exists()


def test_a_run_within_the_limit_goes_to_its_end_undisturbed(harmful, course):
    events = list(train(harmful("guarded", guard=Guard(course[0] - course[EPOCHS] + 1e-6))))
    assert alarms(events) == []
    assert not events[-1].stopped
    assert same(weights(events[-1].path), weights(list(train(harmful("free")))[-1].path))


def test_if_no_epoch_was_within_the_limit_nothing_is_kept(harmful, course):
    job = harmful("guarded", guard=Guard(0.0))
    events = list(train(job))
    assert alarms(events)[0].endswith("more than the limit of 0: nothing was kept.")
    assert events[-1] == Finished(job.steps_per_epoch, events[-1].seconds, None, stopped=True)
    assert not (job.folder / "checkpoint.safetensors").exists()


def test_keep_best_without_stopping_goes_on_to_the_end(harmful, course):
    guard = Guard(limit_after(course, 3), stops=False, keeps_best=True)
    job = harmful("guarded", guard=guard)
    events = list(train(job))
    assert len(ssims(events)) == EPOCHS
    assert alarms(events)[0].startswith("Epoch 3 is kept, the last within")
    assert not events[-1].stopped
    assert figures(job)["retain_test_ssim"] == course[3]


def test_stopping_keeps_the_best_epoch_and_the_run_can_still_go_on(harmful, course):
    job = harmful("guarded", guard=Guard(1.0, keeps_best=True))
    cancel = CancelToken()
    for event in train(job, cancel):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            ends = event
        if isinstance(event, Alarm):
            assert "Epoch 2 is kept" in event.message
        if isinstance(event, EpochEnd) and event.epoch == 2:
            cancel.cancel()
    assert event.stopped
    assert figures(job)["retain_test_ssim"] == ends.metrics["retain_test_ssim"] == course[2]
    started, *others, finished = train(job, resume=True)
    assert started.resumed_at == event.steps
    assert list(ssims(others)) == [3, 4, 5]
    assert same(weights(finished.path), weights(list(train(harmful("free")))[-1].path))


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_killed_run_rolls_back_to_the_same_weights(harmful, course, killed):
    guard = Guard(limit_after(course, 2))
    whole = list(train(harmful("whole", guard=guard)))
    job = harmful("killed", guard=guard)
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == killed:
            events.close()
            break
    resumed = list(train(job, resume=True))
    assert alarms(resumed) == alarms(whole)
    assert same(weights(resumed[-1].path), weights(whole[-1].path))
    ours, theirs = figures(job), figures(harmful("whole"))
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_a_kill_between_the_roll_back_and_the_end_rolls_back_again(harmful, course):
    job = harmful("killed", guard=Guard(limit_after(course, 2)))
    for event in (events := train(job)):
        if isinstance(event, Saved):  # the checkpoint is there, its last words are not
            events.close()
            break
    path = event.path
    before = weights(path)
    again = list(train(job, resume=True))
    assert same(before, weights(again[-1].path))


def test_an_edit_beyond_the_limit_keeps_nothing(unlearning, brains):
    strategy = find_strategy("ssd").with_parameters({"alpha": 0.1, "dampening": 0.1})
    job = unlearning("ssd", strategy=strategy, tests={"retain_test": brains}, guard=Guard(0.001))
    events = list(train(job))
    assert "after epoch 0" in alarms(events)[0]
    assert events[-1].path is None


def test_rewinding_keeps_the_epoch_that_treats_forget_and_unseen_scans_alike(
    harmful, brains, knees
):
    tests = {"retain_test": brains, "forget_test": brains}
    job = harmful("rewound", tests=tests, guard=Guard(1.0, stops=False, rewinds=True))
    job = dataclasses.replace(job, guard=dataclasses.replace(job.guard, keeps_best=True))
    events = list(train(job))
    unseen, forget = ssims(events, "forget_test"), ssims(events, "forget")
    apart = {epoch: abs(forget[epoch] - unseen[epoch]) for epoch in unseen}
    nearest = min(apart, key=apart.get)
    assert figures(job)["kept_epoch"] == nearest
    assert figures(job)["forget_ssim"] == forget[nearest]


def test_a_validation_set_is_preferred_to_the_test_set():
    assert held_out(["retain_test", "retain_validation"], "retain") == "retain_validation"
    assert held_out(["forget_test"], "forget") == "forget_test"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tests": {}}, "retain_validation"),
        ({"guard": Guard(rewinds=True)}, "forget_validation"),
        ({"parent": None}, "original"),
    ],
)
def test_a_guard_without_what_it_looks_at_is_refused_before_any_work(harmful, changes, said):
    with pytest.raises(UnlearnError, match=said):
        harmful("refused", **{"guard": Guard(), **changes})


def test_rewinding_without_a_forget_set_is_refused(harmful, brains):
    tests = {"retain_test": brains, "forget_test": brains}
    with pytest.raises(UnlearnError, match="forget set"):
        harmful(
            "ft", strategy=find_strategy("ft"), forget=None, tests=tests, guard=Guard(rewinds=True)
        )


@pytest.mark.parametrize("limit", [-0.1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(UnlearnError, match="limit"):
        Guard(limit)


def test_a_figure_that_is_not_a_number_is_beyond_every_limit():
    assert not Guard(1.0).within(float("nan"), 0.9)


def test_a_run_with_another_guard_does_not_resume(harmful):
    job = harmful("guarded", guard=Guard(1.0))
    for event in (events := train(job)):
        if isinstance(event, Step) and event.step > job.steps_per_epoch:
            events.close()
            break
    with pytest.raises(UnlearnError, match="other settings"):
        list(train(dataclasses.replace(job, guard=Guard(0.5)), resume=True))
