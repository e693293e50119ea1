"""Strategies whose steps move low-rank adapters only: what changes, what is kept, what resumes."""

import dataclasses
import json

import pytest
import torch
from safetensors import safe_open

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.models.adapter_file import ADAPTERS, load_adapters
from napari_unlearn.models.checkpoint import load_checkpoint, sha256
from napari_unlearn.models.lora import LAYERS, adapters_of, attach_adapters
from napari_unlearn.unlearning.events import Alarm, EpochEnd, Preview
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.penalties import L1
from napari_unlearn.unlearning.record import Record
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strategies import STRATEGIES, find_strategy, strategies_for

from .toy import line

RANK = 2
CASES = [
    pytest.param(task, name, id=f"{task}-{name}")
    for task in ("reconstruction", "segmentation")
    for name, strategy in strategies_for(task).items()
    if strategy.edit is None
]
EDITS = [name for name, strategy in STRATEGIES.items() if strategy.edit is not None]


@pytest.fixture
def adapting(request):
    """Makes the job of a strategy with adapters for a task."""

    def make(kind, name, values=None, **changes):
        fixture = {"reconstruction": "unlearning", "segmentation": "segmenting"}[kind]
        strategy = find_strategy(name, kind).with_parameters({"lora_rank": RANK, **(values or {})})
        return request.getfixturevalue(fixture)(name, strategy=strategy, **changes)

    return make


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def factors(folder):
    return load_adapters(folder / ADAPTERS).factors


def same_factors(first, second):
    one, two = factors(first), factors(second)
    return one.keys() == two.keys() and all(
        torch.equal(left, right) for key in one for left, right in zip(one[key], two[key], strict=1)
    )


def layer_weights(path):
    model = load_checkpoint(path)[0]
    return {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, LAYERS)}


@pytest.mark.parametrize(("task", "name"), CASES)
def test_every_strategy_that_only_trains_can_move_adapters_alone(task, name, adapting):
    job = adapting(task, name, steps=6)
    path = list(train(job))[-1].path
    before, after = weights(job.parent), weights(path)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert changed <= layer_weights(path)
    for key in changed if name != "salun" else ():
        change = (after[key] - before[key]).flatten(1)
        # Above the rounding of the sum, below what a step of 1e-3 does in every free direction.
        assert torch.linalg.matrix_rank(change, atol=1e-5) <= RANK
    adapters = load_adapters(job.folder / ADAPTERS)
    assert changed <= set(adapters.factors)
    assert same(adapters.added_to(before), after)
    card = adapters.card
    assert (card.parent, card.merged) == (sha256(job.parent), sha256(path))
    assert (card.strategy, card.rank, card.alpha) == (name, RANK, 16)
    assert card.before == load_checkpoint(job.parent)[1]
    assert card.after == load_checkpoint(path)[1]
    assert card.after.strategy_parameters["lora_rank"] == RANK


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_weights_themselves_goes_with_no_adapters(name):
    strategy = STRATEGIES[name]
    assert not {"lora_rank", "lora_alpha"} & {entry.name for entry in strategy.parameters}
    with pytest.raises(WrongUse, match=f"'{name}' edits the weights themselves"):
        strategy.with_parameters({"lora_rank": 4})


def test_without_adapters_cards_and_settings_are_what_they_were(unlearning):
    job = unlearning("nl-ft")
    path = list(train(job))[-1].path
    old = {"scale", "absolute", "rectified", "decay"}
    assert set(Record(job).settings["parameters"]) == old
    assert set(load_checkpoint(path)[1].strategy_parameters) == old
    assert not (job.folder / ADAPTERS).exists()


def test_a_plain_run_takes_the_adapters_of_an_earlier_one_away(adapting, unlearning):
    job = adapting("reconstruction", "ft")
    list(train(job))
    assert (job.folder / ADAPTERS).exists()
    list(train(unlearning("ft", folder=job.folder)))
    assert not (job.folder / ADAPTERS).exists()


RESUMED = [
    ("reconstruction", "nl-ft", {}),
    ("reconstruction", "scrub", {}),
    ("segmentation", "salun", {"share": 0.3}),
    ("segmentation", "noisy-label", {"fix_decoder": 1}),
]


@pytest.mark.parametrize(("task", "name", "values"), RESUMED)
def test_a_killed_run_resumes_to_the_same_adapters(task, name, values, adapting, tmp_path):
    whole = adapting(task, name, values, folder=tmp_path / "whole")
    undisturbed = list(train(whole))[-1].path
    job = adapting(task, name, values)
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    assert not (job.folder / ADAPTERS).exists()
    started, *_, finished = train(job, resume=True)
    assert started.resumed_at == job.steps_per_epoch
    assert same(weights(undisturbed), weights(finished.path))
    assert same_factors(whole.folder, job.folder)


def test_a_run_without_adapters_does_not_go_on_with_them(adapting, unlearning):
    job = unlearning("ft")
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    with pytest.raises(UnlearnError, match="other settings"):
        list(train(adapting("reconstruction", "ft"), resume=True))


def test_a_guard_rolls_adapters_back(adapting, brains, tmp_path):
    def harmful(name, **changes):
        options = {
            "values": {"decay": 0},
            "folder": tmp_path / name,
            "learning_rate": 3e-3,
            "epochs": 4,
            "tests": {"retain_test": brains},
        }
        return adapting("reconstruction", "ga", **{**options, **changes})

    def course(job):
        ends = [event for event in train(job) if isinstance(event, EpochEnd)]
        return [event.metrics["retain_test_ssim"] for event in ends]

    (original,) = course(harmful("still", learning_rate=1e-12, steps=1))
    first, second, third, _ = course(harmful("free"))
    assert original > first > second > third
    job = harmful("guarded", guard=Guard(original - (second + third) / 2))
    events = list(train(job))
    (alarm,) = [event.message for event in events if isinstance(event, Alarm)]
    assert alarm.endswith("rolled back to epoch 2.")
    two = harmful("two", epochs=2)
    assert same(weights(events[-1].path), weights(list(train(two))[-1].path))
    assert same_factors(job.folder, two.folder)


def test_fix_decoder_leaves_the_decoder_without_a_change(adapting):
    job = adapting("segmentation", "max-loss", {"fix_decoder": 1, "retain_weight": 0})
    path = list(train(job))[-1].path
    before, after = weights(job.parent), weights(path)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert {"conv1.weight", "layer4.0.conv2.weight"} <= moved
    assert not any(key.startswith("conv_seg.") for key in {*moved, *factors(job.folder)})


@pytest.mark.parametrize("task", ["reconstruction", "segmentation"])
def test_salun_lets_adapters_change_the_same_weights_as_without_them(task, adapting, tmp_path):
    values = {"share": 0.2}
    job = adapting(task, "salun", values)
    plain = dataclasses.replace(
        job, strategy=find_strategy("salun", task).with_parameters(values), folder=tmp_path / "free"
    )
    masks = masks_of(job)
    assert same(masks, masks_of(plain))
    before, after = weights(job.parent), weights(list(train(job, resume=True))[-1].path)
    changed = {key: before[key] != after[key] for key in factors(job.folder)}
    assert any(bool(where.any()) for where in changed.values())
    assert not any(bool((where & ~masks[key]).any()) for key, where in changed.items())
    assert same(load_adapters(job.folder / ADAPTERS).added_to(before), after)


def masks_of(job):
    """Run a job until its second epoch; what its resume file says may move."""
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    with safe_open(job.folder / "resume.safetensors", framework="pt") as file:
        return {key[5:]: file.get_tensor(key) for key in file.keys() if key.startswith("mask.")}  # noqa: SIM118


def test_the_penalty_looks_at_the_weights_with_their_change():
    model = line(2.0, -3.0)
    attach_adapters(model, 1, 1.0, seed=0)
    (adapter,) = adapters_of(model).values()
    with torch.no_grad():
        adapter.A.copy_(torch.tensor([[1.0, 1.0]]))
        adapter.B.fill_(0.5)
    loss = L1(gamma=0.1).loss(model)
    assert float(loss) == pytest.approx(0.1 * (2.5 + 2.5))
    (slope,) = torch.autograd.grad(loss, adapter.A)
    assert slope.tolist() == [[pytest.approx(0.05), pytest.approx(-0.05)]]


def test_the_picture_on_the_way_is_that_of_the_merged_network(adapting, heads):
    job = adapting("segmentation", "noisy-label", epochs=2, learning_rate=1e-2)
    job = dataclasses.replace(job, preview=heads["retain"].batch(0))
    events = list(train(job))
    last = [event for event in events if isinstance(event, Preview)][-1].image
    model = load_checkpoint(events[-1].path)[0].eval()
    with torch.no_grad():
        answer = Segmentation().predict(model, job.preview)
    assert (last == Segmentation().picture(answer)).all()


@pytest.mark.parametrize(("task", "name"), [("reconstruction", "npo-ft"), ("segmentation", "nl")])
def test_adapters_work_in_mixed_precision(task, name, adapting):
    job = adapting(task, name, steps=2, precision="bf16-mixed")
    path = list(train(job))[-1].path
    assert same(load_adapters(job.folder / ADAPTERS).added_to(weights(job.parent)), weights(path))


def test_adapters_need_an_original_and_statistics_that_stand_still(adapting):
    with pytest.raises(UnlearnError, match="starts from an original"):
        adapting("reconstruction", "ft", parent=None)
    with pytest.raises(UnlearnError, match="freeze the statistics"):
        adapting("segmentation", "ft", task=Segmentation())


def test_metrics_note_what_moved(adapting):
    job = adapting("reconstruction", "nl-ft", {"lora_alpha": 4}, steps=1)
    list(train(job))
    noted = json.loads((job.folder / "metrics.json").read_text())["settings"]["parameters"]
    assert (noted["lora_rank"], noted["lora_alpha"]) == (RANK, 4)
