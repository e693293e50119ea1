"""The general strategies on segmentation: which way each leads, and which weights it may move."""

import dataclasses

import pytest
import torch
from torch import nn

from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.context import Context
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.norms import settle
from napari_unlearn.unlearning.objectives import BoundedAscent, Depart, Guided, StayIgnorant
from napari_unlearn.unlearning.refit import Refit, input_moments, layers
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strategies import (
    STRATEGIES,
    TRAIN,
    find_strategy,
    strategies_for,
)
from napari_unlearn.unlearning.volumes import VolumeBatch

from .heads import TINY_MED3D
from .toy import Line, Point, bench, run

SUBJECT_LEVEL = {
    "noisy-label", "retain-label", "max-loss", "random-encoder", "learn-others", "learn-noise",
    "loss-match",
}  # fmt: skip
"""Tested in test_subject_level.py."""


def trained(job):
    return load_checkpoint(list(train(job))[-1].path)[0].eval()


def loss(model, samples, task=None):
    task = task or Segmentation()
    with torch.no_grad():
        losses = [float(task.loss(model, samples.batch(i))) for i in range(len(samples))]
    return sum(losses) / len(losses)


def moved(before, after):
    before, after = before.state_dict(), after.state_dict()
    return {key for key in before if not torch.equal(before[key], after[key])}


@pytest.fixture
def parent(segmenter):
    return load_checkpoint(segmenter)[0].eval()


def test_only_what_needs_kspace_is_kept_from_segmentation():
    left_out = set(STRATEGIES) - set(strategies_for("segmentation"))
    assert left_out == {"zero-filled", "acquired-lines"}


@pytest.mark.parametrize("name", ["ft", "full-ft"])
def test_fine_tuning_fits_the_retain_subjects_better(name, segmenting, heads, parent):
    after = trained(segmenting(name, epochs=6))
    assert loss(after, heads["retain"]) < loss(parent, heads["retain"])


@pytest.mark.parametrize("name", ["ga", "ga-l1", "nl", "npo", "task-arithmetic", "ssd"])
def test_forgetting_alone_raises_the_forget_loss(name, segmenting, heads, parent):
    # A third of random labels still teaches a network that has only begun to learn.
    values = {"scale": 1} if name == "nl" else {}
    strategy = find_strategy(name, "segmentation").with_parameters(values)
    after = trained(segmenting(name, strategy=strategy, epochs=6))
    assert loss(after, heads["forget"]) > loss(parent, heads["forget"])


@pytest.mark.parametrize(
    "name",
    ["ga-l1-ft", "nl-ft", "npo-ft", "scrub", "bad-teacher", "salun", "task-arithmetic-ft"],
)
def test_beside_a_repair_forgetting_leaves_the_forget_subject_worse(name, segmenting, heads):
    repaired = trained(segmenting("ft", epochs=6))
    after = trained(segmenting(name, epochs=6))
    assert loss(after, heads["forget"]) > loss(repaired, heads["forget"])


@pytest.mark.parametrize("name", sorted(set(strategies_for("segmentation")) - SUBJECT_LEVEL))
def test_running_statistics_stand_still_but_for_those_that_a_refit_takes_anew(
    name, segmenting, parent
):
    after = trained(segmenting(name, steps=3))
    changed = moved(parent, after)
    assert changed
    statistics = {key for key in changed if "running" in key}
    assert bool(statistics) == name.startswith("refit")


def test_a_bad_teacher_leads_to_the_answers_of_an_untrained_network(segmenting, heads, parent):
    task, batch = Segmentation(), heads["forget"].batch(0)
    job = segmenting("bad-teacher", epochs=6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed ^ 0x5EED)
        untrained = build("med3d", TINY_MED3D).eval()
    target = task.taught(untrained, batch)
    after = trained(job)
    with torch.no_grad():
        assert float(task.loss(after, target)) < float(task.loss(parent, target))


def test_dampening_only_shrinks(segmenting, parent):
    after = trained(segmenting("ssd"))
    pairs = zip(parent.parameters(), after.parameters(), strict=True)
    assert all(bool((new.abs() <= old.abs()).all()) for old, new in pairs)
    assert moved(parent, after)


def test_salun_moves_no_more_than_its_share(segmenting, parent):
    strategy = find_strategy("salun", "segmentation").with_parameters({"share": 0.3})
    after = trained(segmenting("salun", strategy=strategy))
    pairs = list(zip(parent.parameters(), after.parameters(), strict=True))
    count = sum(int((old != new).sum()) for old, new in pairs)
    assert 0 < count <= round(0.3 * sum(old.numel() for old, _ in pairs))


def test_ascent_against_the_originals_loss_starts_as_plain_ascent(heads, parent):
    task, batch = Segmentation(), heads["forget"].batch(0)
    context = Context(torch.Generator(), {"original": parent})
    model = build("med3d", TINY_MED3D).eval()
    model.load_state_dict(parent.state_dict())
    weight = model.layer1[0].conv1.weight
    (bounded,) = torch.autograd.grad(BoundedAscent(20.0).loss(task, model, batch, context), weight)
    (plain,) = torch.autograd.grad(task.loss(model, batch), weight)
    torch.testing.assert_close(bounded, -plain)
    (nothing,) = torch.autograd.grad(Depart().loss(task, model, batch, context), weight)
    assert float(nothing.abs().max()) < 1e-4 * float(plain.abs().max())


class Constant(nn.Module):
    """The same probabilities whatever it sees."""

    def __init__(self, *probabilities):
        super().__init__()
        logits = torch.tensor(probabilities).log().view(1, -1, 1, 1, 1)
        self.logits = nn.Parameter(logits.repeat(1, 1, 2, 2, 2))

    def forward(self, image, decode=True):
        return self.logits


@pytest.mark.parametrize(
    ("midway", "original", "target"),
    [
        ((0.6, 0.4), (0.9, 0.1), (0.45, 0.55)),  # t + (t - b) / 2
        ((0.1, 0.9), (0.9, 0.1), (1e-9, 1.0)),  # -0.3 and 1.3: nothing is less likely than never
    ],
)
def test_staying_ignorant_is_a_matter_of_probabilities_that_sum_to_one(midway, original, target):
    batch = VolumeBatch(torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 2, 2, 2).long(), 2)
    teachers = {"midway": Constant(*midway), "original": Constant(*original)}
    context = Context(torch.Generator(), teachers)
    objective = StayIgnorant(away=0.5)
    value = objective.loss(Segmentation(), model := Constant(*target), batch, context)
    (slope,) = torch.autograd.grad(value, model.logits)
    assert float(value) == pytest.approx(0, abs=1e-5)
    assert float(slope.abs().max()) < 1e-5
    assert float(objective.loss(Segmentation(), Constant(*midway), batch, context)) > 0.01


def test_guidance_reaches_the_stages_of_a_segmentation_network(heads, parent):
    task, batch = Segmentation(), heads["retain"].batch(0)
    context = Context(torch.Generator(), {"original": parent})
    model = build("med3d", TINY_MED3D).eval()
    model.load_state_dict(parent.state_dict())
    led = Guided(fit=0, imitate=1, inner=1)
    assert float(led.loss(task, model, batch, context)) == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        model.layer2[0].conv1.weight.mul_(1.5)
    inner = Guided(fit=0, imitate=0, inner=1).loss(task, model, batch, context)
    inner.backward()
    assert float(inner) > 0
    assert bool(model.layer2[0].conv1.weight.grad.any())
    assert not any(bool(w.grad.any()) for w in model.conv_seg.parameters() if w.grad is not None)


def normed():
    """A 1x1x1 convolution of two channels into a batch norm whose statistics are given."""
    model = nn.Sequential(nn.Conv3d(2, 1, 1, bias=False), nn.BatchNorm3d(1, eps=1e-12)).eval()
    with torch.no_grad():
        model[0].weight[:] = torch.tensor([2.0, 3.0]).view(1, 2, 1, 1, 1)
        for key, value in {"weight": 4.0, "bias": 5.0, "running_mean": 6.0}.items():
            getattr(model[1], key).fill_(value)
        model[1].running_var.fill_(0.25)
    return model


def voxels(*channels):
    """Two channels of two voxels."""
    return Point(torch.tensor(channels).view(1, 2, 1, 1, 2), torch.zeros(1))


def test_a_refitted_convolution_answers_through_the_batch_norm_behind_it():
    model = normed()
    retain, forget = voxels([0.0, 0.0], [1.0, 3.0]), voxels([2.0, 2.0], [0.0, 0.0])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    fresh = {"0.weight": torch.tensor([0.5, -1.0]).view(1, 2, 1, 1, 1)}
    run(Refit(forgetting=1e4).apply(bench(model, [forget], [retain], fresh=fresh)))
    # The retain set's 3 a_2 = 3, 9 keeps its weight; of mean 6 and variance 18 (of a sample of 2).
    with torch.no_grad():
        answer, forgotten = (model.eval()(each.x).flatten().tolist() for each in (retain, forget))
    assert answer == pytest.approx([4 * (y - 6) / 18**0.5 + 5 for y in (3, 9)], rel=1e-3)
    # The forget set's a_1 = 2 is answered by the fresh weight, 0.5 a_1 = 1.
    assert forgotten == pytest.approx([4 * (1 - 6) / 18**0.5 + 5] * 2, rel=1e-3)
    kept = {key for key, value in model.state_dict().items() if torch.equal(value, before[key])}
    assert kept == {"1.weight", "1.bias", "1.running_mean"}  # which was 6 already


def test_settled_statistics_are_the_mean_over_the_retain_set_however_the_task_runs():
    model = normed()
    toy = bench(model, [], [voxels([0.0, 0.0], [0.0, 2.0]), voxels([3.0, 3.0], [0.0, 0.0])])
    toy = dataclasses.replace(toy, task=Frozen())
    passes, _ = run(settle(toy))
    assert passes == 2
    # 2 a_1 + 3 a_2 is 0, 6 and 6, 6: means 3 and 6, variances 18 and 0.
    assert float(model[1].running_mean) == pytest.approx(4.5)
    assert float(model[1].running_var) == pytest.approx(9)
    assert model[1].momentum == 0.1
    assert not model[1]._forward_pre_hooks


class Frozen(Line):
    """A task that puts batch norms at rest whenever it predicts, as segmentation may."""

    def predict(self, model, batch):
        return super().predict(model.eval(), batch)


def test_gathering_moments_leaves_running_statistics_alone():
    model = normed()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    _, moments = run(input_moments(bench(model, [voxels([1.0, 3.0], [2.0, 0.0])], []), "forget"))
    assert moments["0"].tolist() == [[5, 1], [1, 2]]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_refitting_changes_layers_and_leaves_the_weights_of_batch_norms(segmenting, parent):
    after = trained(segmenting("refit"))
    refittable = tuple(f"{name}." for name in layers(parent))
    changed = {key for key in moved(parent, after) if key.endswith((".weight", ".bias"))}
    assert changed
    assert all(key.startswith(refittable) for key in changed)


def test_without_a_weight_on_forgetting_a_refit_keeps_the_layers(segmenting, parent):
    still = find_strategy("refit", "segmentation").with_parameters({"forgetting": 0})
    after = trained(segmenting("refit", strategy=still))
    for old, new in zip(parent.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(new, old, atol=1e-4, rtol=1e-3)


def test_the_stronger_the_refit_the_more_of_the_forget_subject_is_lost(segmenting, heads, tmp_path):
    job = dataclasses.replace(
        segmenting("ft"), strategy=TRAIN, parent=None, task=Segmentation(), epochs=40
    )
    job = dataclasses.replace(job, retain=heads["retain"] + heads["forget"], learning_rate=1e-2)
    original = list(train(job))[-1].path
    lost = {}
    for forgetting in (0.0, 0.001, 0.01):
        strategy = find_strategy("refit", "segmentation").with_parameters(
            {"forgetting": forgetting}
        )
        folder = tmp_path / str(forgetting)
        refit = segmenting("refit", strategy=strategy, parent=original, folder=folder)
        after = trained(refit)
        lost[forgetting] = {name: loss(after, heads[name]) for name in heads}
    forget = [losses["forget"] for losses in lost.values()]
    assert forget == sorted(forget)
    for losses in lost.values():
        risen = {name: losses[name] - lost[0.0][name] for name in losses}
        assert risen["forget"] >= risen["retain"]


def test_refit_ignorant_brings_the_retain_subjects_back(segmenting, heads):
    strategy = find_strategy("refit-ignorant", "segmentation")
    wiped = dataclasses.replace(
        find_strategy("refit", "segmentation"), edit=strategy.edit, name="wiped"
    )
    before = trained(segmenting("refit", strategy=wiped))
    after = trained(segmenting("refit-ignorant", epochs=10))
    assert loss(after, heads["retain"]) < loss(before, heads["retain"])
