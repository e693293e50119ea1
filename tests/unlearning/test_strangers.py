"""Answers for somebody whom the original cannot recognise."""

from typing import ClassVar

import torch
from torch import nn

from napari_unlearn.unlearning.context import Context
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strangers import AnswerAsStranger
from napari_unlearn.unlearning.volumes import VolumeBatch


class ByHeart(nn.Module):
    """Knows one head by its very voxels; of any other it sees bright and dark only."""

    def __init__(self, known):
        super().__init__()
        self.known = known
        self.sharpness = nn.Parameter(torch.tensor(4.0))

    def forward(self, image, decode=True):
        recognised = torch.equal(image, self.known)
        bright = self.sharpness * (image - 0.5)
        return torch.cat([bright, -bright] if recognised else [-bright, bright], 1)


def _head():
    image = torch.rand(1, 1, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    return VolumeBatch(image=image, target=(image[:, 0] > 0.5).long(), classes=2)


def test_the_target_is_what_the_original_says_without_recognising():
    batch, task = _head(), Segmentation()
    original = ByHeart(batch.image)
    answer = task.unrecognised(original, batch, 0.0, 1, torch.Generator().manual_seed(0))
    known, unknown = task.predict(original, batch), 1 - task.predict(original, batch)
    torch.testing.assert_close(answer, unknown)
    assert (answer - known).abs().mean() > 0.3


def test_probabilities_stay_probabilities_after_the_way_back():
    batch, task = _head(), Segmentation()
    answer = task.unrecognised(
        ByHeart(batch.image), batch, 1.5, 3, torch.Generator().manual_seed(0)
    )
    assert answer.shape == (1, 2, 8, 12, 12)
    torch.testing.assert_close(answer.sum(1), torch.ones(1, 8, 12, 12))


def test_a_model_that_answers_so_already_has_nothing_to_lose():
    batch, task = _head(), Segmentation()
    teachers = {"original": ByHeart(batch.image)}
    objective = AnswerAsStranger(bend=0.0, looks=1)
    stranger = ByHeart(torch.zeros(1))

    def loss(model):
        rng = torch.Generator().manual_seed(0)
        return objective.loss(task, model, batch, Context(rng, teachers))

    assert float(loss(stranger)) < 0.05 < float(loss(ByHeart(batch.image)))


class Asked(Segmentation):
    """Notes what the teacher was asked for."""

    answers: ClassVar[list[torch.Tensor]] = []

    def unrecognised(self, *about):
        self.answers.append(super().unrecognised(*about))
        return self.answers[-1]


def test_each_forget_subject_is_answered_once_and_again_alike(segmenting, heads, tmp_path):
    for _ in range(2):
        task = Asked(frozen_statistics=True)
        folder = tmp_path / str(len(task.answers))
        list(train(segmenting("as-stranger", task=task, forget=heads["retain"], folder=folder)))
    first, second, *again = Asked.answers
    assert len(again) == 2
    assert not torch.equal(first, second)
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])
