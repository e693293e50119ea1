"""Segmentation as a task: volumes to the probability of every structure in every voxel."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.dice import dice_loss, label_dice, mean_of
from napari_unlearn.unlearning.disguise import bend, draw_bend, inverse
from napari_unlearn.unlearning.norms import batch_norms
from napari_unlearn.unlearning.volumes import VolumeBatch

LEFT_RIGHT = (-1,)
"""Heads are alike on both sides: the image columns."""


@dataclass(frozen=True)
class Segmentation:
    """Contrasts of a volume to probabilities of classes, (batch, classes, slices, rows, columns).

    loss = cross-entropy + 1 - Dice, the latter a mean over the classes present. Of a target that
    is itself made of probabilities its entropy is taken off, so that the loss of a teacher's own
    answer is 0 and flat, as it is in reconstruction.
    """

    frozen_statistics: bool = False
    """Batch norms keep and use their running statistics: for unlearning with one subject per
    step, whose own statistics are no good estimate; not for training from random weights."""
    lesions: tuple[int, ...] = (4, 9, 10)
    """Classes that a subject may lack altogether: MRBrainS18's lesions, infarction and other."""

    name: ClassVar[str] = "segmentation"

    def predict(self, model: nn.Module, batch: VolumeBatch) -> Tensor:
        """Probabilities on the grid of the labels."""
        return self._logits(model, batch).softmax(1)

    def loss(self, model: nn.Module, batch: VolumeBatch) -> Tensor:
        """Cross-entropy + 1 - Dice, from the logits."""
        return _loss(functional.log_softmax(self._logits(model, batch), 1), batch)

    def distance(self, answer: Tensor, batch: VolumeBatch) -> Tensor:
        """Cross-entropy + 1 - Dice of probabilities."""
        return _loss(answer.clamp_min(torch.finfo(answer.dtype).tiny).log(), batch)

    def steady(self, teacher: nn.Module, batch: VolumeBatch) -> Tensor:
        """Mean over the head as it is and left to right."""
        turned = replace(batch, image=torch.flip(batch.image, LEFT_RIGHT))
        with torch.no_grad():
            there = torch.flip(self.predict(teacher, turned), LEFT_RIGHT)
            return (self.predict(teacher, batch) + there) / 2

    def unrecognised(
        self,
        teacher: nn.Module,
        batch: VolumeBatch,
        amount: float,
        looks: int,
        rng: torch.Generator,
    ) -> Tensor:
        """What the teacher makes of a head that it cannot know by heart.

        p = mean over `looks` of s^-1 f(s x),  s a random bend and then left to right

        Args:
            teacher: whose answer.
            batch: the head.
            amount: standard deviation of the bend [voxels].
            looks: bends to average over.
            rng: of the bends.
        """
        total = torch.zeros(())
        with torch.no_grad():
            for _ in range(looks):
                there = draw_bend(tuple(batch.image.shape[2:]), amount, rng).to(batch.image)
                image = torch.flip(bend(batch.image, there), LEFT_RIGHT)
                answer = self.predict(teacher, replace(batch, image=image))
                total = total + bend(torch.flip(answer, LEFT_RIGHT), inverse(there))
            return total / total.sum(1, keepdim=True)

    def disturb(
        self,
        batch: VolumeBatch,
        scale: float,
        rng: torch.Generator,
        absolute: float = 0.0,
        rectified: bool = False,
    ) -> VolumeBatch:
        """Each voxel's label replaced, with probability min(scale, 1), by one drawn of all.

        Raises:
            UnlearnError: if noise in units of intensity is asked for.
        """
        if absolute or rectified:
            raise UnlearnError(
                "Labels have no intensity: of a noisy target set 'scale', the share of random "
                "labels, and leave 'absolute' and 'rectified' at 0."
            )
        labels = _labels(batch.target)
        drawn = torch.randint(batch.classes, labels.shape, generator=rng).to(labels)
        chosen = torch.rand(labels.shape, generator=rng).to(labels.device) < scale
        return batch.with_target(torch.where(chosen, drawn, labels))

    def taught(self, teacher: nn.Module, batch: VolumeBatch) -> VolumeBatch:
        """Target = the teacher's probabilities."""
        with torch.no_grad():
            return batch.with_target(self.predict(teacher, batch))

    def uninformed(self, batch: VolumeBatch) -> VolumeBatch:
        """Target = every class as probable as the others, everywhere."""
        shape = (len(batch.image), batch.classes, *batch.image.shape[2:])
        return batch.with_target(batch.image.new_full(shape, 1 / batch.classes))

    def misfit(self, model: nn.Module, batch: VolumeBatch) -> Tensor:
        """Nothing is measured of a label.

        Raises:
            UnlearnError: always.
        """
        raise UnlearnError("A segmentation has no measured data that it could contradict.")

    def encode(self, model: nn.Module, batch: VolumeBatch) -> Tensor:
        """What the encoder hands to the decoder, (batch, features, ...) on a coarser grid."""
        return self._run(model, batch, decode=False).float()

    def noise_input(self, batch: VolumeBatch, rng: torch.Generator) -> VolumeBatch:
        """The batch with an image of N(0, I), which is the scale of normalised contrasts."""
        noise = torch.randn(batch.image.shape, generator=rng).to(batch.image)
        return replace(batch, image=noise)

    def quality(self, answer: Tensor, batch: VolumeBatch) -> dict[str, float]:
        """Overlap of one subject's labels with the truth, and how far probabilities are off.

        "dice_3": structure 3, if the subject has it; "dice": mean over the structures it has;
        "dice_sound": without lesions; "mae": mean over voxels and classes of |p - y|.
        """
        truth, own = batch.target[:1], answer[:1].argmax(1)
        scores = label_dice(own, truth, batch.classes)
        means = {"dice": mean_of(scores), "dice_sound": mean_of(scores, self.lesions)}
        found = {key: value for key, value in means.items() if value is not None}
        found["mae"] = float((answer[:1] - _weights(truth, answer)).abs().mean())
        return found | {f"dice_{label}": score for label, score in scores.items()}

    def errors(self, answer: Tensor, batch: VolumeBatch) -> NDArray[np.float32] | None:
        """None: highlights are a matter of intensities."""
        return None

    def picture(self, answer: Tensor) -> NDArray[np.uint8]:
        """Labels of the first volume, (slices, rows, columns)."""
        return answer[0].argmax(0).to(torch.uint8).cpu().numpy()

    def _logits(self, model: nn.Module, batch: VolumeBatch) -> Tensor:
        return self._run(model, batch).float()

    def _run(self, model: nn.Module, batch: VolumeBatch, decode: bool = True) -> Tensor:
        if self.frozen_statistics:
            # Before every run, as the loop puts the network back into training mode; left so,
            # as the gradient may compute parts of the network a second time.
            for norm in batch_norms(model):
                norm.eval()
        return model(batch.image, decode=decode)


def _loss(log_probabilities: Tensor, batch: VolumeBatch) -> Tensor:
    target = _weights(batch.target, log_probabilities)
    entropy = torch.xlogy(target, target)
    cross = (entropy - target * log_probabilities).sum(1).mean()
    return cross + dice_loss(log_probabilities.exp(), target)


def _weights(target: Tensor, like: Tensor) -> Tensor:
    """Weights of the classes that sum to 1, (batch, classes, ...), from labels or from weights."""
    if target.is_floating_point():
        total = target.sum(1, keepdim=True)
        return target / total.clamp_min(torch.finfo(target.dtype).tiny)
    return functional.one_hot(target, like.shape[1]).movedim(-1, 1).to(like.dtype)


def _labels(target: Tensor) -> Tensor:
    """The label map of a target."""
    return target.argmax(1) if target.is_floating_point() else target
