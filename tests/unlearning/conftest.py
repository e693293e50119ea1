"""A problem small enough to train in a second."""

import pytest

from napari_unlearn.models.card import Card
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy
from napari_unlearn.unlearning.volumes import VolumeSet

from .heads import CLASSES, TINY_MED3D, head

TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
SAMPLING = Sampling("equispaced", 4, 0.08)


@pytest.fixture(scope="session")
def brains():
    scans = [simulate_subject("brain", seed, slices=2, size=32, coils=2) for seed in (0, 1)]
    return SliceSet(scans, SAMPLING)


@pytest.fixture(scope="session")
def knees():
    return SliceSet([simulate_subject("knee", 0, slices=2, size=32, coils=2)], SAMPLING)


@pytest.fixture
def card():
    return Card(architecture="varnet", parameters=TINY, role="original", title="Original")


@pytest.fixture
def job(tmp_path, brains, card):
    return Job(
        strategy=TRAIN, card=card, folder=tmp_path / "run", retain=brains, epochs=3, device="cpu"
    )


@pytest.fixture
def original(job):
    return list(train(job))[-1].path


@pytest.fixture
def unlearning(original, job, knees, tmp_path):
    """Makes the job of a strategy by its name."""

    def make(name, **changes):
        strategy = find_strategy(name)
        options = {
            "strategy": strategy,
            "card": job.card.model_copy(update={"role": "unlearned", "title": strategy.title}),
            "folder": tmp_path / name,
            "retain": job.retain.subset(0.5, 0),
            "forget": knees,
            "parent": original,
            "epochs": 3,
            "device": "cpu",
        }
        return Job(**{**options, **changes})

    return make


@pytest.fixture(scope="session")
def heads():
    """Three sets of tiny heads, no head in two of them."""
    names = {"retain": (0, 1), "forget": (2,), "unseen": (3,)}
    return {
        name: VolumeSet([head(seed) for seed in seeds], CLASSES) for name, seeds in names.items()
    }


@pytest.fixture(scope="session")
def segmenter(heads, tmp_path_factory):
    """The checkpoint of a network trained on the heads to retain and the one to forget."""
    job = Job(
        strategy=TRAIN,
        card=Card(architecture="med3d", parameters=TINY_MED3D, role="original", title="Original"),
        folder=tmp_path_factory.mktemp("segmenter"),
        retain=heads["retain"] + heads["forget"],
        task=Segmentation(),
        epochs=4,
        learning_rate=1e-2,
        device="cpu",
    )
    return list(train(job))[-1].path


@pytest.fixture
def segmenting(segmenter, heads, tmp_path):
    """Makes the segmentation job of a strategy by its name."""

    def make(name, **changes):
        strategy = find_strategy(name, "segmentation")
        options = {
            "strategy": strategy,
            "card": Card(architecture="med3d", parameters=TINY_MED3D, role="unlearned"),
            "folder": tmp_path / name,
            **heads,
            "parent": segmenter,
            "task": Segmentation(frozen_statistics=True),
            "epochs": 3,
            "device": "cpu",
        }
        return Job(**{**options, **changes})

    return make
