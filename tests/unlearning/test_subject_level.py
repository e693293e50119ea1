"""The strategies that forget a subject: where each objective leads, and what may move."""

import dataclasses

import pytest
import torch
from torch import nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.context import Context
from napari_unlearn.unlearning.encoding import EncodeAsNoise, EncodeAsOther, RandomFeatures
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.objectives import MatchLoss, OtherTarget
from napari_unlearn.unlearning.scopes import FixDecoder
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strategies import find_strategy
from napari_unlearn.unlearning.task import Reconstruction
from napari_unlearn.unlearning.volumes import VolumeBatch

from .toy import Line, bench, line, point, run

SIX = (
    "noisy-label", "retain-label", "max-loss", "random-encoder", "learn-others", "learn-noise",
)  # fmt: skip
SAMPLE = point([1.0, 0.0], 0.0)


def context(original=None, **samples):
    return Context(torch.Generator().manual_seed(0), {"original": original}, samples.__getitem__)


def slope(objective, model, *given, **samples):
    loss = objective.loss(Line(), model, SAMPLE, context(*given, **samples))
    return torch.autograd.grad(loss, model.weight)[0][0].tolist()


class Scale(nn.Module):
    """E(x) = w x."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))

    def forward(self, image, decode=True):
        return self.weight * image


def volume(value):
    return VolumeBatch(
        torch.full((1, 1, 8, 8, 8), float(value)), torch.zeros(1, 8, 8, 8, dtype=torch.long), 2
    )


def test_the_other_target_leads_to_the_retain_samples_answer():
    # J = (w x - y_r)^2 / 2 with x = 1, w = 2: dJ/dw = 2 - y_r
    assert slope(OtherTarget(), line(2.0, 1.0), retain=point([9.0, 9.0], 5.0)) == [-3, 0]


@pytest.mark.parametrize(("weight", "sign"), [(1.0, 1), (2.0, 0), (3.0, -1)])
def test_matching_leads_to_the_originals_unseen_loss_from_both_sides(weight, sign):
    unseen = point([1.0, 0.0], 4.0)  # the original's loss on it is (2 - 4)^2 / 2 = 2
    down = -slope(MatchLoss(), line(weight, 0.0), line(2.0, 0.0), unseen=unseen)[0]
    # J_f = w^2 / 2 is 0.5, 2, 4.5; d/dw of (J_f - 2)^2 is 2 (J_f - 2) w
    assert down == pytest.approx(-2 * (weight**2 / 2 - 2) * weight)
    assert (down > 0) - (down < 0) == sign


def test_random_features_draw_the_encoder_to_noise_that_it_cannot_follow():
    model = Scale(2.0)
    loss = RandomFeatures(weight=3.0).loss(Segmentation(), model, volume(1), context())
    # mean (w - n)^2 = w^2 + 1 and gradient 2 w in the mean over 512 draws
    assert float(loss) == pytest.approx(3 * 5, rel=0.1)
    assert float(torch.autograd.grad(loss, model.weight)[0]) == pytest.approx(3 * 4, rel=0.1)


def test_encoding_as_another_subject_is_measured_with_the_originals_encoder():
    model, original = Scale(2.0), Scale(5.0)
    loss = EncodeAsOther(weight=0.5).loss(
        Segmentation(), model, volume(1), context(original, retain=volume(2))
    )
    assert float(loss) == pytest.approx(0.5 * (2 * 1 - 5 * 2) ** 2)
    (gradient,) = torch.autograd.grad(loss, model.weight)
    assert float(gradient) == pytest.approx(0.5 * 2 * (2 - 10))
    assert original.weight.grad is None


def test_encoding_as_noise_is_measured_with_the_originals_encoder():
    loss = EncodeAsNoise().loss(Segmentation(), Scale(2.0), volume(1), context(Scale(5.0)))
    assert float(loss) == pytest.approx(2**2 + 5**2, rel=0.2)  # 512 draws


def test_subjects_on_other_grids_are_refused_in_one_sentence():
    small = VolumeBatch(torch.zeros(1, 1, 4, 8, 8), torch.zeros(1, 4, 8, 8).long(), 2)
    for objective in (OtherTarget(), EncodeAsOther()):
        with pytest.raises(UnlearnError, match="different grids"):
            objective.loss(Segmentation(), Scale(1.0), volume(1), context(Scale(1.0), retain=small))


def test_a_sample_that_nobody_supplies_is_one_sentence():
    with pytest.raises(UnlearnError, match="no retain set"):
        OtherTarget().loss(Line(), line(1.0), SAMPLE, Context(torch.Generator()))


@pytest.mark.parametrize("objective", [RandomFeatures(), EncodeAsNoise()])
def test_a_reconstruction_has_no_encoder_to_look_at(objective, brains):
    with pytest.raises(UnlearnError, match="no encoder"):
        objective.loss(Reconstruction(), None, brains.batch(0), context())


def test_an_objective_says_which_other_sets_it_reads():
    wanted = {name: find_strategy(name, "segmentation").reads for name in (*SIX, "loss-match")}
    assert wanted.pop("loss-match") == ("forget", "retain", "unseen")
    assert set(wanted.values()) == {("forget", "retain")}
    alone = dataclasses.replace(find_strategy("learn-others", "segmentation"), retain=None)
    assert alone.reads == ("forget", "retain")


@pytest.mark.parametrize("name", [*SIX, "loss-match"])
def test_fix_decoder_moves_only_the_encoder(name, segmenting):
    strategy = find_strategy(name, "segmentation").with_parameters({"fix_decoder": 1})
    job = segmenting(name, strategy=strategy)
    before = load_checkpoint(job.parent)[0].state_dict()
    after = load_checkpoint(list(train(job))[-1].path)[0].state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved
    assert not any(key.startswith("conv_seg.") for key in moved)
    assert {"conv1.weight", "layer4.0.conv2.weight"} <= moved


def test_without_fix_decoder_the_decoder_moves(segmenting):
    job = segmenting("noisy-label")
    before = load_checkpoint(job.parent)[0].state_dict()
    after = load_checkpoint(list(train(job))[-1].path)[0].state_dict()
    assert not torch.equal(before["conv_seg.6.weight"], after["conv_seg.6.weight"])
    assert (
        "preparation_passes"
        not in load_checkpoint(job.folder / "checkpoint.safetensors")[1].metrics
    )


def test_a_network_without_a_decoder_cannot_fix_it():
    assert run(FixDecoder().masks(bench(line(1.0), [], []))) == (0, {})
    with pytest.raises(UnlearnError, match="decoder"):
        run(FixDecoder(fix_decoder=1).masks(bench(line(1.0), [], [])))


def test_no_retain_weight_forgets_without_repair(segmenting, heads):
    class Untouchable:
        lines, about = (), {}

        def __len__(self):
            return 2

        def batch(self, *_):
            raise AssertionError("the retain set was read")

    strategy = find_strategy("noisy-label", "segmentation").with_parameters({"retain_weight": 0})
    job = segmenting("noisy-label", strategy=strategy, forget=heads["forget"])
    job = dataclasses.replace(job, retain=Untouchable())
    assert list(train(job))[-1].steps == 3 * 2


@pytest.mark.parametrize(
    ("name", "rises"), [("noisy-label", True), ("max-loss", True), ("ft", False)]
)
def test_forgetting_raises_the_forget_loss_and_fitting_it_lowers_it(name, rises, segmenting, heads):
    changes = {"retain": heads["forget"]} if name == "ft" else {}
    if name != "ft":
        strategy = find_strategy(name, "segmentation").with_parameters({"retain_weight": 0})
        changes = {"strategy": strategy}
    job = segmenting(name, epochs=6, **changes)
    before, after = (forget_loss(path, heads) for path in (job.parent, list(train(job))[-1].path))
    assert (after > before) == rises


def test_matching_brings_the_forget_loss_to_the_unseen_one(segmenting, heads):
    strategy = find_strategy("loss-match", "segmentation").with_parameters({"retain_weight": 0})
    # Labels that the original gets wrong stand for heads that it finds hard.
    hard = heads["unseen"].subjects[0]
    hard = dataclasses.replace(hard, labels=hard.labels.clip(1) - 1)
    job = segmenting("loss-match", strategy=strategy, epochs=20, learning_rate=3e-3)
    job = dataclasses.replace(job, unseen=type(heads["unseen"])([hard], heads["unseen"].classes))
    unseen = job.unseen.batch(0)
    model = load_checkpoint(job.parent)[0].eval()
    with torch.no_grad():
        level = float(Segmentation().loss(model, unseen))
    before = forget_loss(job.parent, heads)
    after = forget_loss(list(train(job))[-1].path, heads)
    assert abs(after - level) < 0.2 * abs(before - level)


def forget_loss(path, heads):
    model = load_checkpoint(path)[0].eval()
    with torch.no_grad():
        return float(Segmentation().loss(model, heads["forget"].batch(0)))
