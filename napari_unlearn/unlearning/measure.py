"""Quality on held-out sets, in the words that curves, cards and tables use."""

from collections.abc import Callable, Generator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.highlights import calibrate
from napari_unlearn.unlearning.events import Paused
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.pausing import wait_if_paused
from napari_unlearn.unlearning.samples import SampleSet


def measure(
    job: Job,
    sets: Mapping[str, SampleSet],
    model: nn.Module,
    device: torch.device,
    cancel: CancelToken,
    step: int = 0,
    save: Callable[[], None] | None = None,
) -> Generator[Paused, None, dict[str, float]]:
    """Mean of the task's figures per set, e.g. "retain_test_psnr"; empty when cancelled.

    A figure that not every sample has is averaged over those that have it. "error_p99" is what
    an oracle's card calibrates highlights with: the error exceeded by 1 % of the pixels of the
    held-out sets that are not of the forget set's kind; a task without errors has none.

    Between two samples it waits if asked to; `step` is what those events say, and `save` is
    called before the wait.
    """
    metrics: dict[str, float] = {}
    kept: list[NDArray[np.float32]] = []
    model.eval()
    for name, samples in sets.items():
        figures: dict[str, list[float]] = {}
        for place in range(len(samples)):
            yield from wait_if_paused(cancel, step, save)
            if cancel.cancelled:
                model.train()
                return {}
            batch = samples.batch(place)
            with torch.no_grad():
                answer = job.task.predict(model, batch.to(device)).float().cpu()
            for figure, value in job.task.quality(answer, batch).items():
                figures.setdefault(figure, []).append(value)
            errors = None if name.startswith("forget") else job.task.errors(answer, batch)
            if errors is not None:
                kept.append(errors)
        metrics |= {f"{name}_{figure}": float(np.mean(own)) for figure, own in figures.items()}
    if kept:
        metrics["error_p99"] = calibrate(kept)
    model.train()
    return metrics
