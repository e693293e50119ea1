"""Make sample_data/knee/oracle.safetensors: a network that knows knees, for the self-test.

Usage: python scripts/make_knee_model.py [FOLDER]   (FOLDER keeps the runs; default: build/knee)

Grows from the sample original of brain/knee, which saw twenty knee slices, in two runs: on the
slices of 160 knee phantoms; then on those of site A and on tissues of phantoms at random angles,
sizes and intensities, so that it also reconstructs knees that look like no phantom (Billot et
al., SynthSeg, Medical Image Analysis 2023, have the idea for segmentation). No subject of a
protocol or a self-test is among them, and no scan of a person. A stopped run goes on where it
was. Weights are stored in half precision, with their figures on 8 more knees.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.mri.simulate import CoilLayout, acquire, smooth_phase
from napari_unlearn.phantoms.protocols import ScanSet, scans
from napari_unlearn.phantoms.sites import MIXED
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.events import EpochEnd
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import CHECKPOINT
from napari_unlearn.unlearning.strategies import TRAIN

ROOT = Path(__file__).parent.parent
PARENT = ROOT / "sample_data" / "brain-knee" / "original.safetensors"
MODEL = ROOT / "sample_data" / "knee" / "oracle.safetensors"
SAMPLING = Sampling("equispaced", 4, 0.08)
KNEES = ScanSet("retain", "knee", 120, 5000)
KNEES_ELSEWHERE = ScanSet("retain", "knee", 40, 5200, MIXED)
TEST = ScanSet("retain_test", "knee", 8, 5400)
TISSUES = (ScanSet("retain", "knee", 30, 5600), ScanSet("retain", "brain", 20, 5800))
COPIES = 3
"""Of every slice's tissues, each drawn anew."""
STEPS = 2700


def make(folder: Path) -> None:
    """Train, or go on training, and store what came of it."""
    first = _run(folder / "phantoms", PARENT, [*scans(KNEES), *scans(KNEES_ELSEWHERE)], epochs=20)
    drawn = list(randomised(np.random.default_rng(0)))
    last = _run(folder / "randomised", first, [*scans(KNEES), *drawn], steps=STEPS)
    model, card = load_checkpoint(last)
    MODEL.parent.mkdir(exist_ok=True)
    save_checkpoint(MODEL, model, card, dtype=torch.float16)


def randomised(rng: np.random.Generator) -> Iterator[MemoryScan]:
    """Acquisitions of phantoms' tissues, none of which looks as it should."""
    for part in TISSUES:
        for scan in scans(part):
            if scan.labels is None or scan.targets is None:
                raise ValueError(f"{scan.header.name} has no labels.")
            for copy in range(COPIES):
                pairs = zip(scan.labels, scan.targets, strict=True)
                images = np.stack([_redrawn(*pair, rng) for pair in pairs])
                yield acquire(
                    images,
                    scan.header.coils,
                    noise=float(rng.uniform(0.005, 0.02)),
                    seed=int(rng.integers(2**31)),
                    layout=CoilLayout(width=(0.7, 1.1), strength_range=(0.5, 1.0)),
                    gain=float(rng.uniform(0.7, 1.4)),
                    name=f"{scan.header.name}_{copy}",
                    voxel_size=scan.header.voxel_size,
                )


def _redrawn(
    labels: NDArray[np.uint8], target: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """One slice of other intensities, angle, size and shading, (rows, columns), at most 1."""
    levels = rng.uniform(0.03, 1, 256)
    levels[0] = 0  # air
    texture = gaussian_filter(rng.standard_normal(labels.shape), 1)
    image = levels[labels] * (1 + rng.uniform(0, 0.3) * texture)
    if rng.random() < 0.4:
        image = (target / target.max()) ** rng.uniform(0.7, 2.5)
    angle, size = rng.uniform(-np.pi, np.pi), rng.uniform(0.7, 1.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / size
    centre = (np.array(labels.shape) - 1) / 2
    image = affine_transform(image, turn, centre - turn @ centre + rng.uniform(-8, 8, 2), order=1)
    shading = np.exp(smooth_phase(*labels.shape, rng, float(rng.uniform(0, 0.7))))
    image = np.clip(gaussian_filter(image, rng.uniform(0.3, 0.7)), 0, None) * shading
    return (image / max(image.max(), 1e-6)).astype(np.float32)


def _run(
    folder: Path, parent: Path, learnt: list[MemoryScan], epochs: int = 1, steps: int | None = None
) -> Path:
    _, card = load_checkpoint(parent)
    job = Job(
        TRAIN,
        Card(
            architecture=card.architecture,
            parameters=card.parameters,
            role="oracle",
            title="Knees",
        ),
        folder,
        retain=SliceSet(learnt, SAMPLING),
        parent=parent,
        epochs=epochs,
        steps=steps,
        tests={"retain_test": SliceSet(list(scans(TEST)), SAMPLING)},
        test_every=4,
        device="cpu",
    )
    if not (folder / CHECKPOINT).exists():
        for event in train(job, resume=True):
            if isinstance(event, EpochEnd):
                sys.stdout.write(f"{event}\n")
                sys.stdout.flush()
    return folder / CHECKPOINT


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "knee")
