"""Quality on held-out sets, in the words that curves, cards and tables use."""

from collections.abc import Callable, Generator, Mapping

import numpy as np
import torch
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.unlearning.events import Paused
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.pausing import wait_if_paused
from napari_unlearn.unlearning.pixels import Pixels
from napari_unlearn.unlearning.ranks import Ranks
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.stopwatch import Stopwatch

ALONE = Ranks()


def measure(
    job: Job,
    sets: Mapping[str, SampleSet],
    model: nn.Module,
    device: torch.device,
    cancel: CancelToken,
    step: int = 0,
    save: Callable[[], None] | None = None,
    *,
    ranks: Ranks = ALONE,
    clock: Stopwatch | None = None,
) -> Generator[Paused, None, dict[str, float]]:
    """Mean of the task's figures per set, e.g. "retain_test_psnr"; empty when cancelled.

    A figure that not every sample has is averaged over those that have it. "error_p99" is what
    an oracle's card calibrates highlights with: the error exceeded by 1 % of the pixels of the
    held-out sets that are not of the forget set's kind; a task without errors has none.

    Between two samples it waits if asked to; `step` is what those events say, and `save` is
    called before the wait. Several processes share the samples and end with the same figures;
    they cannot be asked to stop meanwhile, as all have to meet at the end.
    """
    clock = clock or Stopwatch()
    own: dict[str, dict[int, dict[str, float]]] = {}
    pixels = Pixels()
    model.eval()
    for name, samples in sets.items():
        own[name] = {}
        for place in range(ranks.rank, len(samples), ranks.count):
            yield from wait_if_paused(cancel, step, save)
            if cancel.cancelled:
                model.train()
                return {}
            with clock.on("evaluation"):
                batch = samples.batch(place)
                with torch.no_grad():
                    answer = job.task.predict(model, batch.to(device)).float().cpu()
                own[name][place] = job.task.quality(answer, batch)
                errors = None if name.startswith("forget") else job.task.errors(answer, batch)
                if errors is not None:
                    pixels.add(errors)
    model.train()
    with clock.on("evaluation"):
        return _summary(sets, ranks.gathered((own, pixels)))


def _summary(
    sets: Mapping[str, SampleSet],
    found: list[tuple[dict[str, dict[int, dict[str, float]]], Pixels]],
) -> dict[str, float]:
    """Means over what all processes found, sample by sample in their order."""
    metrics: dict[str, float] = {}
    for name in sets:
        measured = {place: each for own, _ in found for place, each in own[name].items()}
        figures: dict[str, list[float]] = {}
        for place in sorted(measured):
            for figure, value in measured[place].items():
                figures.setdefault(figure, []).append(value)
        metrics |= {f"{name}_{figure}": float(np.mean(each)) for figure, each in figures.items()}
    pixels = Pixels.joined([each for _, each in found])
    if len(pixels):
        metrics["error_p99"] = pixels.percentile(99.0)
    return metrics
