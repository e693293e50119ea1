"""The segmentation task's face, on answers that are known on paper."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.events import EpochEnd, Preview
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy
from napari_unlearn.unlearning.volumes import VolumeBatch, VolumeSet

from .heads import CLASSES, TINY_MED3D, head


class Constant(nn.Module):
    """The same logits whatever it sees."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, image, decode=True):
        return self.logits


def batch_of(labels, classes=2):
    labels = torch.tensor(labels).view(1, 1, 1, -1)
    return VolumeBatch(torch.zeros(1, 1, 1, 1, labels.numel()), labels, classes)


def answer_of(*probabilities):
    """(1, classes, 1, 1, voxels) from one row per class."""
    return torch.tensor(probabilities)[None, :, None, None]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build("med3d", TINY_MED3D)


@pytest.fixture
def batch(heads):
    return heads["retain"].batch(0)


def rng():
    return torch.Generator().manual_seed(0)


def test_the_loss_is_cross_entropy_plus_dice():
    batch, answer = batch_of([0, 0, 1, 1]), answer_of([0.9, 0.8, 0.4, 0.1], [0.1, 0.2, 0.6, 0.9])
    cross = -(math.log(0.9) + math.log(0.8) + math.log(0.6) + math.log(0.9)) / 4
    first = 2 * (0.9 + 0.8) / (0.81 + 0.64 + 0.16 + 0.01 + 2)
    second = 2 * (0.6 + 0.9) / (0.01 + 0.04 + 0.36 + 0.81 + 2)
    expected = cross + 1 - (first + second) / 2
    assert float(Segmentation().distance(answer, batch)) == pytest.approx(expected, rel=1e-5)
    assert float(Segmentation().loss(Constant(answer.log()), batch)) == pytest.approx(expected)


def test_classes_that_a_subject_lacks_do_not_count_in_its_dice():
    # Two subjects in one batch: a mask by class alone would mix up which of them lacks class 2.
    labels = torch.tensor([[0, 0, 1], [0, 1, 2]]).view(2, 1, 1, 3)
    batch = VolumeBatch(torch.zeros(2, 1, 1, 1, 3), labels, 3)
    perfect = nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    assert float(Segmentation().distance(perfect, batch)) == pytest.approx(0, abs=1e-6)
    alone = [
        dataclasses.replace(batch, image=batch.image[i : i + 1], target=labels[i : i + 1])
        for i in (0, 1)
    ]
    blurred = 0.7 * perfect + 0.1
    apart = [Segmentation().distance(blurred[i : i + 1], alone[i]) for i in (0, 1)]
    together = Segmentation().distance(blurred, batch)
    assert float(together) == pytest.approx(float(sum(apart)) / 2, rel=1e-5)


def test_an_impossible_label_map_of_one_class_stays_finite():
    logits = torch.tensor([200.0, -200.0]).view(1, 2, 1, 1, 1).repeat(1, 1, 1, 1, 4)
    model = Constant(logits)
    loss = Segmentation().loss(model, batch_of([1, 1, 1, 1]))
    (gradient,) = torch.autograd.grad(loss, model.logits)
    assert bool(loss.isfinite())
    assert bool(gradient.isfinite().all())
    assert bool((gradient[:, 0] > 0).all())  # the wrong class comes down


def test_a_teachers_own_answer_is_no_loss_and_no_gradient(batch, model):
    task = Segmentation()
    taught = task.taught(model.eval(), batch)
    assert taught.target.shape == (1, CLASSES, 16, 16, 16)
    assert not taught.target.requires_grad
    loss = task.loss(model, taught)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    assert float(loss) == pytest.approx(0, abs=1e-5)
    assert all(float(gradient.abs().max()) < 1e-4 for gradient in gradients)


def test_the_loss_is_the_distance_of_the_prediction(batch, model):
    task = Segmentation()
    model.eval()
    with torch.no_grad():
        probabilities = task.predict(model, batch)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(1, 16, 16, 16))
        torch.testing.assert_close(task.loss(model, batch), task.distance(probabilities, batch))


def test_noise_replaces_the_asked_share_of_labels_by_draws_of_all_classes(batch):
    share = Segmentation().disturb(batch, 0.4, rng()).target != batch.target
    # Of the replaced ones a fourth draws the label that was there; 4,096 voxels.
    assert float(share.float().mean()) == pytest.approx(0.4 * 3 / 4, abs=0.03)
    noisy = Segmentation().disturb(batch, 1.0, rng()).target
    assert noisy.dtype == batch.target.dtype
    counts = torch.bincount(noisy.flatten(), minlength=CLASSES) / noisy.numel()
    assert counts.tolist() == pytest.approx([1 / CLASSES] * CLASSES, abs=0.03)
    assert torch.equal(Segmentation().disturb(batch, 0.0, rng()).target, batch.target)


def test_labels_have_no_intensity_to_add_noise_to(batch):
    with pytest.raises(UnlearnError, match="scale"):
        Segmentation().disturb(batch, 0.3, rng(), absolute=1e-5)


def test_uninformed_is_every_class_alike(batch):
    target = Segmentation().uninformed(batch).target
    assert target.unique().tolist() == [1 / CLASSES]
    assert target.shape == (1, CLASSES, 16, 16, 16)


def test_steady_is_the_mean_over_left_and_right(batch, model):
    task = Segmentation()
    model.eval()
    mirrored = dataclasses.replace(batch, image=batch.image.flip(-1))
    steady = task.steady(model, batch)
    torch.testing.assert_close(task.steady(model, mirrored), steady.flip(-1))
    with torch.no_grad():
        assert float((steady - task.predict(model, batch)).abs().max()) > 1e-4


def test_frozen_statistics_neither_change_nor_come_from_the_batch(batch, model):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    task = Segmentation(frozen_statistics=True)
    task.loss(model, batch).backward()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    trained = task.predict(model, batch)
    torch.testing.assert_close(trained, task.predict(model.eval(), batch))
    model.train()
    Segmentation().loss(model, batch)
    assert not torch.equal(model.bn1.running_mean, before["bn1.running_mean"])


def test_frozen_statistics_hold_for_what_checkpointing_computes_twice(batch, model):
    saving = build("med3d", {**TINY_MED3D, "checkpointing": True})
    saving.load_state_dict(model.state_dict())
    task = Segmentation(frozen_statistics=True)
    for network in (model, saving):
        task.loss(network.train(), batch).backward()
    for one, other in zip(model.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_quality_by_structure_with_and_without_lesions():
    batch = batch_of([0, 1, 1, 2, 3, 0], classes=5)
    answer = nn.functional.one_hot(torch.tensor([0, 1, 0, 2, 2, 0]), 5).T.float()
    figures = Segmentation(lesions=(3,)).quality(answer[None, :, None, None], batch)
    first, second = 2 * 1 / (1 + 2), 2 * 1 / (2 + 1)
    assert figures == pytest.approx(
        {
            "dice_1": first,
            "dice_2": second,
            "dice_3": 0,  # there is no dice_4, which the subject does not have
            "dice": (first + second) / 3,
            "dice_sound": (first + second) / 2,
            "mae": 2 * 2 / 30,  # two voxels wrong, each in two classes
        }
    )


def test_training_learns_the_heads_and_is_measured_on_its_way(heads, segmenting):
    job = segmenting("ft")
    job = dataclasses.replace(
        job,
        strategy=TRAIN,
        parent=None,
        task=Segmentation(),
        epochs=20,
        learning_rate=1e-2,
        tests={"retain_test": heads["retain"]},
        test_every=20,
        preview=heads["retain"].batch(0),
    )
    events = list(train(job))
    ends = [event for event in events if isinstance(event, EpochEnd)]
    assert ends[-1].loss < 0.5 * ends[0].loss
    assert ends[-1].metrics["retain_test_dice_1"] > 0.7
    assert "error_p99" not in ends[-1].metrics
    picture = [event for event in events if isinstance(event, Preview)][-1].image
    assert picture.shape == (16, 16, 16)
    assert set(np.unique(picture)) <= set(range(CLASSES))
    _, card = load_checkpoint(events[-1].path)
    assert card.metrics["retain_test_mae"] == ends[-1].metrics["retain_test_mae"]
    assert (card.coils, card.sampling) == (None, {})


def test_a_loss_that_is_not_finite_ends_in_one_sentence(segmenting):
    strategy = find_strategy("max-loss", "segmentation").with_parameters({"retain_weight": 0})
    job = segmenting("max-loss", strategy=strategy, learning_rate=1e30, epochs=5)
    with pytest.raises(UnlearnError, match="not finite at step"):
        list(train(job))


def test_what_makes_no_sense_for_a_segmentation_is_refused_before_any_work(segmenting, heads):
    with pytest.raises(UnlearnError, match="acquired-lines"):
        find_strategy("acquired-lines", "segmentation")
    with pytest.raises(UnlearnError, match="noisy-label"):
        find_strategy("noisy-label")
    with pytest.raises(UnlearnError, match="not for segmentation"):
        segmenting("ft", strategy=find_strategy("zero-filled"))
    with pytest.raises(UnlearnError, match="SSIM"):
        segmenting("ft", guard=Guard(), tests={"retain_test": heads["retain"]})
    with pytest.raises(UnlearnError, match="unseen set is empty"):
        segmenting("loss-match", unseen=None)
    with pytest.raises(UnlearnError, match="retain set is empty"):
        segmenting("retain-label", retain=None)


def test_settings_of_the_task_decide_a_runs_course(segmenting):
    job = segmenting("ft")
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    thawed = dataclasses.replace(job, task=Segmentation(frozen_statistics=False))
    with pytest.raises(UnlearnError, match="other settings"):
        list(train(thawed, resume=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": None}, "no labels"),
        ({"labels": np.zeros((16, 16, 15), int)}, "one grid"),
        ({"labels": np.full((16, 16, 16), 7)}, "0 to 3"),
        ({"labels": np.full((16, 16, 16), -1)}, "0 to 3"),
        ({"images": np.full((2, 16, 16, 16), np.nan, np.float32)}, "not finite"),
    ],
)
def test_an_unusable_subject_is_named(changes, said):
    subject = dataclasses.replace(head(0), **changes)
    with pytest.raises(UnlearnError, match=said) as caught:
        VolumeSet([subject], CLASSES).batch(0)
    assert str(caught.value).startswith("head 0: ")


def test_a_share_of_the_subjects_is_the_same_for_the_same_seed():
    heads = VolumeSet([head(seed) for seed in range(6)], CLASSES)
    chosen = heads.subset(0.5, 1)
    assert len(chosen) == 3
    assert list(chosen.lines) == list(heads.subset(0.5, 1).lines)
    assert any(list(heads.subset(0.5, seed).lines) != list(chosen.lines) for seed in range(2, 9))
    assert len(heads.subset(0.01, 0)) == 1
    assert list((chosen + heads).lines) == [*chosen.lines, *heads.lines]
