"""Make sample_data/knee/oracle.safetensors: a network that knows knees, for the self-test.

Usage: python scripts/make_knee_model.py [FOLDER]   (FOLDER keeps the run; default: build/knee)

Grows from the sample original of brain/knee, which saw twenty knee slices, on the slices of 160
knee phantoms; none of them is a subject that a protocol or a self-test draws. A stopped run goes
on where it was. Weights are stored in half precision, with their figures on 8 more knees.
"""

import sys
from pathlib import Path

import torch

from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint
from napari_unlearn.mri.sampling import Sampling
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
LEARNT = (
    ScanSet("retain", "knee", 120, 5000),
    ScanSet("retain", "knee", 40, 5200, MIXED),
)
TEST = ScanSet("retain_test", "knee", 8, 5400)


def slices(*sets: ScanSet) -> SliceSet:
    """All slices of some sets."""
    return SliceSet([scan for part in sets for scan in scans(part)], SAMPLING)


def make(folder: Path) -> None:
    """Train, or go on training, and store what came of it."""
    _, parent = load_checkpoint(PARENT)
    job = Job(
        TRAIN,
        Card(
            architecture=parent.architecture,
            parameters=parent.parameters,
            role="oracle",
            title="Knees alone",
        ),
        folder,
        retain=slices(*LEARNT),
        parent=PARENT,
        epochs=20,
        tests={"retain_test": slices(TEST)},
        test_every=4,
        device="cpu",
    )
    for event in train(job, resume=True):
        if isinstance(event, EpochEnd):
            sys.stdout.write(f"{event}\n")
            sys.stdout.flush()
    model, card = load_checkpoint(folder / CHECKPOINT)
    MODEL.parent.mkdir(exist_ok=True)
    save_checkpoint(MODEL, model, card, dtype=torch.float16)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "knee")
