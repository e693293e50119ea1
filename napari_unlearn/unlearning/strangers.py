"""Objectives that treat whoever is to be forgotten as somebody never seen."""

from dataclasses import dataclass
from typing import Annotated, cast

from torch import Tensor, nn

from napari_unlearn.unlearning.context import Context, Teacher
from napari_unlearn.unlearning.objectives import Objective
from napari_unlearn.unlearning.parameters import Range
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Task
from napari_unlearn.unlearning.volumes import VolumeBatch


@dataclass(frozen=True)
class AnswerAsStranger(Objective):
    """Answer a forget subject as the original answers it when it cannot recognise it.

    loss = weight * J(f(x), p),  p = mean over `looks` of s^-1 f_G(s x)

    s bends the head by some voxels and turns it left to right. What the original knows by heart
    is tied to the very voxels of the scan; what it has learnt of anatomy is not. Needs neither
    an oracle nor a subject beside the two sets.
    """

    weight: Annotated[float, Range(0, 100, "of the retain loss")] = 1.0
    bend: Annotated[float, Range(0, 10, "standard deviation of the bend [voxels]")] = 2.1
    looks: Annotated[int, Range(1, 256, "bends to average over")] = 16

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Whose answer it is."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against that answer."""
        original, head = context.teachers["original"], cast(VolumeBatch, batch)
        segmentation = cast(Segmentation, task)
        answer = context.once(
            lambda rng: segmentation.unrecognised(original, head, self.bend, self.looks, rng)
        )
        return self.weight * task.loss(model, batch.with_target(answer))
