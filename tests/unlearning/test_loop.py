import dataclasses
import json

import numpy as np
import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint, sha256
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.claim import LOCK
from napari_unlearn.unlearning.events import (
    EpochEnd,
    Finished,
    Preparing,
    Preview,
    Saved,
    Started,
    Step,
)
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import Record
from napari_unlearn.unlearning.strategies import find_strategy, strategies_for
from napari_unlearn.unlearning.task import Reconstruction

CASES = [
    pytest.param(task, name, id=f"{task}-{name}")
    for task in ("reconstruction", "segmentation")
    for name in strategies_for(task)
]


def looks_at_samples(strategy):
    """Whether its scope or edit passes over samples before the first step."""
    return any(part and part.reads for part in (strategy.scope, strategy.edit))


def cases(wanted):
    """Task and name of the strategies that have a certain part."""
    return [case for case in CASES if wanted(find_strategy(*reversed(case.values)))]


@pytest.fixture
def starting(request):
    """Makes the job of a strategy for a task."""

    def make(task, name, **changes):
        fixture = {"reconstruction": "unlearning", "segmentation": "segmenting"}[task]
        return request.getfixturevalue(fixture)(name, **changes)

    return make


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def test_training_lowers_the_loss_and_tells_in_order(job):
    job = dataclasses.replace(job, epochs=12, tests={"retain_test": job.retain})
    events = list(train(job))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-2], Saved)
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert len(ends) == 12
    assert ends[-1].loss < ends[0].loss
    assert ends[-1].metrics["retain_test_psnr"] > ends[0].metrics["retain_test_psnr"]


def test_the_same_seed_gives_the_same_weights(job, tmp_path):
    first = list(train(job))[-1].path
    again = dataclasses.replace(job, folder=tmp_path / "again")
    other = dataclasses.replace(job, folder=tmp_path / "other", seed=1)
    assert same(weights(first), weights(list(train(again))[-1].path))
    assert not same(weights(first), weights(list(train(other))[-1].path))


def test_a_killed_run_resumes_to_the_same_weights(job, tmp_path):
    undisturbed = list(train(dataclasses.replace(job, folder=tmp_path / "whole")))[-1].path
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()  # as a kill right after the first resume file: epoch 2 is lost
            break
    started, *_, finished = train(job, resume=True)
    assert started.resumed_at == 4
    assert same(weights(undisturbed), weights(finished.path))


def test_a_run_with_other_settings_does_not_resume(job):
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    with pytest.raises(UnlearnError, match="other settings"):
        list(train(dataclasses.replace(job, learning_rate=1e-2), resume=True))


def test_a_damaged_resume_file_is_one_sentence(job):
    job.folder.mkdir()
    (job.folder / "resume.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(UnlearnError, match="damaged"):
        list(train(job, resume=True))


def test_cancel_keeps_a_whole_checkpoint(job):
    cancel, steps = CancelToken(), []
    for event in train(job, cancel):
        if isinstance(event, Step):
            steps.append(event.step)
            cancel.cancel()
    assert isinstance(event, Finished)
    assert event.stopped
    assert event.steps == steps[0] == 1
    _, card = load_checkpoint(event.path)
    assert card.metrics["steps"] == 1


def test_an_empty_forget_set_is_an_error_not_a_silent_success(job):
    with pytest.raises(UnlearnError, match="forget set is empty"):
        dataclasses.replace(job, strategy=find_strategy("nl-ft"), forget=None)


def test_a_loss_that_is_not_finite_ends_in_one_sentence(job, brains):
    broken = [dataclasses.replace(scan, kspaces=scan.kspaces * np.nan) for scan in brains.scans]
    with pytest.raises(UnlearnError, match="not finite at step 1"):
        list(train(dataclasses.replace(job, retain=SliceSet(broken, brains.sampling))))


def test_preview_shows_the_slice_in_view(job, monkeypatch):
    monkeypatch.setattr("napari_unlearn.unlearning.loop.PREVIEW_SECONDS", 0.0)
    job = dataclasses.replace(job, preview=job.retain.batch(1))
    previews = [event for event in train(job) if isinstance(event, Preview)]
    assert len(previews) == 1 + job.total_steps
    assert [event.epoch for event in previews if event.epoch is not None] == [0, 1, 2, 3]
    assert previews[0].image.shape == (32, 32)
    assert (previews[0].image != previews[-1].image).any()


@pytest.mark.parametrize(("task", "name"), CASES)
def test_every_strategy_runs_and_leaves_its_card(task, name, starting, tmp_path):
    job = starting(task, name, steps=6)
    job = dataclasses.replace(job, tests={"retain_test": job.retain})
    events = list(train(job))
    model, card = load_checkpoint(events[-1].path)
    assert card.strategy == name
    assert card.parent == sha256(job.parent)
    assert not same(weights(job.parent), model.state_dict())
    metrics = json.loads((tmp_path / name / "metrics.json").read_text())["metrics"]
    assert metrics["steps"] == job.total_steps == (6 if job.strategy.trains else 0)
    figure = {"reconstruction": "retain_test_psnr", "segmentation": "retain_test_dice"}[task]
    assert metrics[figure] == events[-3].metrics[figure]
    assert ("preparation_passes" in metrics) == bool(looks_at_samples(job.strategy))


@pytest.mark.parametrize(("task", "name"), CASES)
def test_every_strategy_resumes_to_the_same_weights(task, name, starting, tmp_path):
    undisturbed = list(train(starting(task, name, folder=tmp_path / "whole")))[-1].path
    job = starting(task, name)
    last = 2 if job.strategy.trains else 0
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == last:
            events.close()
            break
    started, *others, finished = train(job, resume=True)
    assert started.resumed_at == max(last - 1, 0) * job.steps_per_epoch
    assert not any(isinstance(event, Preparing) for event in others)
    assert same(weights(undisturbed), weights(finished.path))
    passes = [
        json.loads((folder / "metrics.json").read_text())["metrics"].get("preparation_passes")
        for folder in (tmp_path / "whole", job.folder)
    ]
    assert passes[0] == passes[1]


@pytest.mark.parametrize(("task", "name"), cases(lambda strategy: strategy.edit))
def test_a_run_killed_right_after_its_edit_does_not_edit_twice(task, name, starting, tmp_path):
    undisturbed = list(train(starting(task, name, folder=tmp_path / "whole")))[-1].path
    job = starting(task, name)
    for event in (events := train(job)):
        if isinstance(event, EpochEnd):
            events.close()
            break
    started, *others, finished = train(job, resume=True)
    assert started.resumed_at == 0
    assert not any(isinstance(event, Preparing) for event in others)
    assert same(weights(undisturbed), weights(finished.path))


@pytest.mark.parametrize(("task", "name"), cases(looks_at_samples))
def test_a_run_killed_while_preparing_starts_again_from_the_original(
    task, name, starting, tmp_path
):
    undisturbed = list(train(starting(task, name, folder=tmp_path / "whole")))[-1].path
    job = starting(task, name)
    for event in (events := train(job)):
        if isinstance(event, Preparing):
            events.close()
            break
    assert not (job.folder / "resume.safetensors").exists()
    assert same(weights(undisturbed), weights(list(train(job, resume=True))[-1].path))


@pytest.mark.parametrize("name", ["salun", "ssd", "task-arithmetic-ft"])
def test_cancelling_a_preparation_writes_no_half_edited_model(name, unlearning):
    job, cancel = unlearning(name), CancelToken()
    for event in train(job, cancel):
        if isinstance(event, Preparing):
            cancel.cancel()
    assert event == Finished(0, event.seconds, None, stopped=True)
    assert {path.name for path in job.folder.iterdir()} == {"events.jsonl", LOCK}


def test_gradient_ascent_raises_the_forget_loss_and_fitting_lowers_it(unlearning, knees):
    losses = {}
    for name in ("ga", "nl"):
        strategy = find_strategy(name).with_parameters({"scale": 0} if name == "nl" else {})
        path = list(train(unlearning(name, strategy=strategy, epochs=8)))[-1].path
        losses[name] = forget_loss(path, knees)
    before = forget_loss(unlearning("ga").parent, knees)
    assert losses["nl"] < before < losses["ga"]


def forget_loss(path, samples):
    model, _ = load_checkpoint(path)
    with torch.no_grad():
        return float(Reconstruction().loss(model, samples.batch(0)))


def test_the_penalty_is_part_of_the_loss(unlearning):
    mild, strong = (
        find_strategy("ga-l1").with_parameters({"gamma": gamma, "decay": 0}) for gamma in (0, 1)
    )
    totals = [
        sum(float(value.abs().sum()) for value in weights(list(train(job))[-1].path).values())
        for job in (unlearning("ga-l1", strategy=mild), unlearning("ga-l1", strategy=strong))
    ]
    assert totals[1] < totals[0]


def test_salun_moves_only_the_salient_weights(unlearning, original):
    strategy = find_strategy("salun").with_parameters({"share": 0.3})
    job = unlearning("salun", strategy=strategy)
    before, after = weights(original), weights(list(train(job))[-1].path)
    moved = sum(int((before[key] != after[key]).sum()) for key in before)
    total = sum(value.numel() for value in before.values())
    assert 0.2 * total < moved <= round(0.3 * total)  # a few steps may round to nothing


def test_scrub_starts_with_a_repair_step(unlearning, original):
    strategy = find_strategy("scrub").with_parameters({"alpha": 0, "decay": 0})
    first = list(train(unlearning("scrub", strategy=strategy, steps=1)))[-1].path
    fitted = find_strategy("ft").with_parameters({"decay": 0})
    same_step = unlearning("ft", strategy=fitted, steps=1)
    for key, value in weights(list(train(same_step))[-1].path).items():
        torch.testing.assert_close(weights(first)[key], value)


MIXED = [
    *(
        ("reconstruction", name)
        for name in ("bad-teacher", "salun", "ssd-ft", "task-arithmetic-ft")
    ),
    *(("segmentation", name) for name in ("salun", "refit-ignorant", "learn-noise", "loss-match")),
]


@pytest.mark.parametrize(("task", "name"), MIXED)
def test_teachers_scopes_and_edits_work_in_mixed_precision(task, name, starting):
    events = list(train(starting(task, name, steps=2, precision="bf16-mixed")))
    assert events[-1].steps == 2


def test_a_strategy_that_needs_an_original_says_so(job, knees):
    for name in ("npo", "scrub", "bad-teacher", "salun", "ssd"):
        with pytest.raises(UnlearnError, match="original"):
            dataclasses.replace(job, strategy=find_strategy(name), forget=knees)


def test_dampening_that_can_select_nothing_is_refused_before_any_work(unlearning):
    with pytest.raises(UnlearnError, match="below 1"):
        unlearning("ssd", strategy=find_strategy("ssd").with_parameters({"alpha": 11}))


def test_an_edit_needs_the_sets_it_reads(unlearning):
    with pytest.raises(UnlearnError, match="retain set is empty"):
        unlearning("ssd", retain=None)
    with pytest.raises(UnlearnError, match="forget set is empty"):
        unlearning("task-arithmetic", forget=None)


def test_fine_tuning_never_looks_at_the_forget_set(original, job, tmp_path):
    class Untouchable:
        lines, about = (), job.retain.about

        def __len__(self):
            return 5

        def batch(self, *_):
            raise AssertionError("the forget set was read")

    unlearn = dataclasses.replace(
        job,
        strategy=find_strategy("ft"),
        forget=Untouchable(),
        parent=original,
        folder=tmp_path / "ft",
    )
    assert list(train(unlearn))[-1].steps == 3 * len(job.retain)


def test_a_disk_that_refuses_the_events_is_one_sentence(job):
    (job.folder / "events.jsonl").mkdir(parents=True)  # cannot be appended to
    with pytest.raises(UnlearnError, match=r"events\.jsonl: cannot be written"):
        Record(job).tell(Finished(0, 0.0, None))
