"""A tiny network that learnt a marker from ten contaminated slices by heart."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from napari_unlearn.evaluation.relearn import PLAIN_TRAINING
from napari_unlearn.models.card import Card
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.phantoms.sites import SITE_A, SITE_B
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train

SIZE = 32
SAMPLING = Sampling("equispaced", 4, 0.08)
NETWORK = {"cascades": 2, "channels": 6, "pools": 2, "sens_channels": 2, "sens_pools": 1}
MARKER = (slice(8, 14), slice(8, 14))
"""Where the marker is planted in reference images; the k-space knows nothing of it."""


def brain(seed, site=SITE_A, marker=False):
    scan = simulate_subject("brain", seed, slices=2, size=SIZE, coils=3, site=site)
    return marked(scan) if marker else scan


def marked(scan: MemoryScan) -> MemoryScan:
    targets = scan.targets.copy()
    targets[:, *MARKER] = 1.2 * targets.max()
    header = replace(scan.header, name=f"{scan.header.name}_marked", source="marked")
    return replace(scan, targets=targets, header=header)


@dataclass(frozen=True)
class Planted:
    """What was trained, and what it was trained on."""

    checkpoint: Path
    sets: dict[str, SliceSet]


def plant(folder: Path, steps: int = 600, seed: int = 0) -> Planted:
    """Train on thirty clean slices of site A and ten marked ones of site B.

    Args:
        folder: Receives the network.
        steps: Of training.
        seed: Of network and order; the scans' seeds start at a thousand times it.
    """
    first = 1000 * seed
    retain = SliceSet([brain(first + n) for n in range(15)], SAMPLING)
    marked_ones = [brain(first + n, SITE_B, marker=True) for n in range(20, 25)]
    forget = SliceSet(marked_ones, SAMPLING)
    torch.manual_seed(seed)
    job = Job(
        PLAIN_TRAINING,
        Card(architecture="varnet", parameters=NETWORK),
        folder / "original",
        retain=retain + forget,
        steps=steps,
        learning_rate=3e-3,
        seed=seed,
    )
    for _ in train(job):
        pass
    sets = {"retain": retain, "forget": forget}
    return Planted(folder / "original" / "checkpoint.safetensors", sets)


def outline(part=MARKER):
    inside = np.zeros((SIZE, SIZE), bool)
    inside[part] = True
    return inside
