"""How long a run will take, by a step or two."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_unlearn.evaluation.out_of_memory import memory_said
from napari_unlearn.unlearning.events import EpochEnd, Step
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train

if TYPE_CHECKING:
    from napari_unlearn.experiment.kinds import Kind


@dataclass(frozen=True)
class Pace:
    """Seconds of one optimiser step on one sample, and of one answer."""

    step: float
    reconstruction: float


def measure_pace(job: Job, kind: "Kind") -> Pace:
    """Time the second of two steps on the first sample of a training job, and testing it once.

    Reading the sample is part of both, from a file that the first step has read already.

    Raises:
        UnlearnError: if the sample cannot be read, the loop fails, or memory runs out.
    """
    first = kind.first(job.retain)
    trial = replace(job, folder=None, retain=first, steps=2, tests={"sample": first}, test_every=2)
    steps: list[float] = []
    told, reconstruction = 0.0, 0.0
    with _memory_in_a_sentence(first, job.device):
        for event in train(trial):
            if isinstance(event, Step):
                steps.append(event.seconds)
            elif isinstance(event, EpochEnd) and event.metrics:
                reconstruction = time.perf_counter() - told
            told = time.perf_counter()
    return Pace(steps[-1] - steps[0], reconstruction)


def _memory_in_a_sentence(first: Any, device: object) -> AbstractContextManager[None]:
    what = next(iter(first.lines)).split()[0]
    return memory_said(f"training on {what}", device)
