"""Every run of an experiment on every held-out slice, beside the oracle."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.error_map import error_map
from napari_unlearn.evaluation.highlights import default_minimal_area, pixel_area, smooth
from napari_unlearn.evaluation.image_quality import image_quality
from napari_unlearn.evaluation.regions import Components
from napari_unlearn.evaluation.relearn import Relearned
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.mri.scan import Header
from napari_unlearn.phantoms.fault import fault_amplitude
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.task import Reconstruction, Task

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """One run on one slice."""

    set: str
    scan: str
    patient: str
    slice: int
    psnr: float
    """[dB]"""
    ssim: float
    nmse: float
    agreement: float | None
    """PSNR [dB] against the oracle's reconstruction of the same slice."""
    fault: float | None
    """Amplitude of the planted fault that was invented, 1 = as in the contaminated references."""
    highlighted: float | None
    """Area of the regions in error beyond the oracle's threshold [mm^2]."""
    in_tissue: float | None
    """Share of the experiment's tissue of interest that is highlighted, 0 to 1."""


@dataclass(frozen=True)
class RunResult:
    """One run on all test sets."""

    name: str
    card: Card
    samples: tuple[Sample, ...]
    relearned: Relearned | None = None
    """How the relearn attack went, if it was made."""

    def values(self, set_name: str, quantity: str) -> NDArray[np.float64]:
        """One quantity of all slices of a set; empty if it was not measured."""
        values = [getattr(s, quantity) for s in self.samples if s.set == set_name]
        return np.array([value for value in values if value is not None], dtype=np.float64)

    @property
    def sets(self) -> list[str]:
        """Names of the test sets, in order."""
        return list(dict.fromkeys(sample.set for sample in self.samples))


def evaluate_runs(
    runs: Mapping[str, Path],
    tests: Mapping[str, SliceSet],
    device: str = "auto",
    *,
    planted_fault: bool = False,
    tissue: int | None = None,
    task: Task | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | list[RunResult]]:
    """Reconstruct every test slice with every run.

    Args:
        runs: checkpoints by name; the one named "oracle" is what agreement is measured with
            and what the highlights' threshold comes from.
        tests: held-out sets by name.
        device: as `resolve_device` takes it.
        planted_fault: whether to measure how much of the simulated fault is invented.
        tissue: value in the ground-truth labels inside which highlights are counted as well.
        task: how to run the networks.
        cancel: looked at before each slice.

    Yields:
        Slices done and slices in all; at last the results, one per run.

    Raises:
        UnlearnError: if there is nothing to evaluate.
    """
    if not runs or not tests:
        missing = "runs" if not runs else "test sets"
        raise UnlearnError(f"Nothing to evaluate: the experiment has no {missing} yet.")
    place = resolve_device(device)
    task, cancel = task or Reconstruction(), cancel or CancelToken()
    loaded = {name: load_checkpoint(path, str(place)) for name, path in runs.items()}
    threshold = loaded["oracle"][1].metrics.get("error_p99") if "oracle" in loaded else None
    found: dict[str, list[Sample]] = {name: [] for name in runs}
    done, total = 0, sum(len(samples) for samples in tests.values())
    for set_name, samples in tests.items():
        for number, (scan, index) in enumerate(samples.slices):
            cancel.check()
            batch = samples.batch(number)
            images: dict[str, Image] = {}
            for name, (model, _) in loaded.items():
                model.eval()
                with torch.inference_mode():
                    images[name] = task.predict(model, batch.to(place)).float().cpu().numpy()
            truth, maximum = batch.target.numpy(), float(batch.maximum[0])
            interest = (
                None if tissue is None or scan.labels is None else scan.labels[index] == tissue
            )
            for name, image in images.items():
                quality = image_quality(truth, image, maximum)
                peer = images.get("oracle") if name != "oracle" else None
                agreement = None if peer is None else image_quality(peer, image, maximum).psnr
                marked = _highlighted(scan.header, image, truth, maximum, threshold)
                area = pixel_area(scan.header)
                found[name].append(
                    Sample(
                        set=set_name,
                        scan=scan.header.name,
                        patient=scan.header.patient or scan.header.name,
                        slice=index,
                        psnr=quality.psnr,
                        ssim=quality.ssim,
                        nmse=quality.nmse,
                        agreement=agreement,
                        fault=fault_amplitude(image[0], truth[0]) if planted_fault else None,
                        highlighted=None if marked is None else float(marked.sum() * area),
                        in_tissue=_share(marked, interest),
                    )
                )
            done += 1
            yield done, total
    yield [RunResult(name, loaded[name][1], tuple(found[name])) for name in runs]


def _share(marked: NDArray[np.bool_] | None, tissue: NDArray[np.bool_] | None) -> float | None:
    """Which share of a tissue is marked; None where there is none of it."""
    if marked is None or tissue is None or not tissue.any():
        return None
    return float(marked[tissue].mean())


def _highlighted(
    header: Header, image: Image, truth: Image, maximum: float, threshold: float | None
) -> NDArray[np.bool_] | None:
    """Pixels of one slice that the window would outline, (rows, columns)."""
    if threshold is None:
        return None
    errors = smooth(error_map(image, truth, maximum))
    minimal = default_minimal_area(header) / pixel_area(header)
    return Components.find(errors, threshold, minimal).labels[0] > 0
