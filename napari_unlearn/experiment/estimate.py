"""What a run will cost, before it is run: memory by counting, time by a step or two."""

import time
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import nn

from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import Header
from napari_unlearn.unlearning.batch import Batch, SliceSet
from napari_unlearn.unlearning.events import EpochEnd, Step
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.task import Reconstruction

FLOAT = 4
STATE = 4
"""Weights, gradient and Adam's two moments."""


@dataclass(frozen=True)
class Pace:
    """Seconds of one optimiser step on one slice, and of one reconstruction."""

    step: float
    reconstruction: float


@dataclass(frozen=True)
class Weight:
    """What a network and one of its steps take up; nothing is allocated to find out.

    The network is built on torch's "meta" device, where tensors have shapes but no numbers,
    and one forward pass there tells which tensors the backward pass will need.
    """

    architecture: type[nn.Module]
    parameters: dict[str, int | bool | float]
    header: Header
    """Of the largest slice."""

    @cached_property
    def weights(self) -> int:
        """Bytes of the weights in float32."""
        return sum(FLOAT * weight.numel() for weight in self._build(self.parameters).parameters())

    @property
    def state(self) -> int:
        """Bytes of weights, gradient and Adam's moments."""
        return STATE * self.weights

    @cached_property
    def activations(self) -> int:
        """Bytes kept between the forward and the backward pass over one slice, in float32."""
        if not self.parameters.get("checkpointing"):
            return self._kept(self.parameters)
        # The backward pass computes one cascade at a time anew, and keeps that one whole.
        one, two = (
            self._kept({**self.parameters, "checkpointing": False, "cascades": count})
            for count in (1, 2)
        )
        return self._kept(self.parameters) + two - one

    def _build(self, parameters: dict[str, int | bool | float]) -> nn.Module:
        with torch.device("meta"):
            return self.architecture(**parameters)

    def _kept(self, parameters: dict[str, int | bool | float]) -> int:
        model = self._build(parameters)
        own = {weight.untyped_storage()._cdata for weight in model.parameters()}
        kept: dict[int, torch.Tensor] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.untyped_storage()._cdata] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            Reconstruction().loss(model, _shapes(self.header))
        return sum(
            tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own
        )


def _shapes(header: Header) -> Batch:
    """A batch without numbers."""
    images = (1, header.image_rows, header.image_columns)
    with torch.device("meta"):
        return Batch(
            kspace=torch.empty(
                (1, header.coils, header.rows, header.columns), dtype=torch.complex64
            ),
            lines=torch.empty((1, header.columns), dtype=torch.bool),
            low_frequencies=1,
            target=torch.empty(images),
            maximum=torch.empty(1),
        )


def measure_pace(job: Job) -> Pace:
    """Time the second of two steps on the first slice of a training job, and testing it once.

    Reading the slice is part of both, from a file that the first step has read already.

    Raises:
        UnlearnError: if the slice cannot be read, the loop fails, or memory runs out.
    """
    retain = job.retain if isinstance(job.retain, SliceSet) else SliceSet([], Sampling())
    first = SliceSet(retain.scans[:1], retain.sampling)
    first.slices = first.slices[:1]
    trial = replace(job, folder=None, retain=first, steps=2, tests={"slice": first}, test_every=2)
    steps: list[float] = []
    told, reconstruction = 0.0, 0.0
    with memory_in_a_sentence(first.scans[0].header, job.device):
        for event in train(trial):
            if isinstance(event, Step):
                steps.append(event.seconds)
            elif isinstance(event, EpochEnd) and event.metrics:
                reconstruction = time.perf_counter() - told
            told = time.perf_counter()
    return Pace(steps[-1] - steps[0], reconstruction)
