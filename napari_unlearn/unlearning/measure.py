"""Quality on held-out sets, in the words that curves, cards and tables use."""

from collections.abc import Callable, Generator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.comparison import ImageQuality
from napari_unlearn.evaluation.error_map import error_map
from napari_unlearn.evaluation.highlights import calibrate
from napari_unlearn.evaluation.image_quality import image_quality
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.events import Paused
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.pausing import wait_if_paused


def measure(
    job: Job,
    sets: Mapping[str, SliceSet],
    model: nn.Module,
    device: torch.device,
    cancel: CancelToken,
    step: int = 0,
    save: Callable[[], None] | None = None,
) -> Generator[Paused, None, dict[str, float]]:
    """Mean PSNR [dB] and SSIM per set, e.g. "retain_test_psnr"; empty when cancelled.

    "error_p99" is what an oracle's card calibrates highlights with: the error exceeded by
    1 % of the pixels of the held-out sets that are not of the forget set's kind.

    Between two slices it waits if asked to; `step` is what those events say, and `save` is
    called before the wait.
    """
    metrics: dict[str, float] = {}
    kept: list[NDArray[np.float32]] = []
    model.eval()
    for name, samples in sets.items():
        qualities: list[ImageQuality] = []
        for place in range(len(samples)):
            yield from wait_if_paused(cancel, step, save)
            if cancel.cancelled:
                model.train()
                return {}
            batch = samples.batch(place)
            with torch.no_grad():
                image = job.task.predict(model, batch.to(device)).float().cpu().numpy()
            target, maximum = batch.target.numpy(), float(batch.maximum[0])
            qualities.append(image_quality(target, image, maximum))
            if not name.startswith("forget"):
                kept.append(error_map(image, target, maximum))
        metrics[f"{name}_psnr"] = float(np.mean([quality.psnr for quality in qualities]))
        metrics[f"{name}_ssim"] = float(np.mean([quality.ssim for quality in qualities]))
    if kept:
        metrics["error_p99"] = calibrate(kept)
    model.train()
    return metrics
