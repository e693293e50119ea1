"""A whole experiment in miniature: 32x32 phantoms, a network of a thousand weights."""

from pathlib import Path

from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.phantoms.sites import SITE_A, SITE_B
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.loop import train

SETS = {
    "retain": [("brain", 0, SITE_A, False), ("brain", 1, SITE_A, False)],
    "forget": [("brain", 2, SITE_B, True)],
    "retain_test": [("brain", 3, SITE_A, False)],
    "site_test": [("brain", 4, SITE_B, False)],
}
TOML = """
name = "miniature"

[data]
retain = ["data/retain"]
forget = ["data/forget/*.h5"]

[data.tests]
retain_test = ["data/retain_test"]
site_test = ["data/site_test"]

[sampling]
acceleration = 4
center_fraction = 0.08

[model]
parameters = { cascades = 1, channels = 2, pools = 1, sens_channels = 2, sens_pools = 1 }

[training]
epochs = 2

[unlearning]
steps = 4
retain_fraction = 0.5

[evaluation]
planted_fault = true
tissue = "marrow"
"""


def write_study(folder: Path) -> Path:
    """Write data and experiment file; the folder."""
    for name, scans in SETS.items():
        place = folder / "data" / name
        place.mkdir(parents=True)
        for anatomy, seed, site, fault in scans:
            scan = simulate_subject(
                anatomy, seed, slices=2, size=32, coils=2, site=site, fault=fault
            )
            write_fastmri(place / f"{scan.header.name}.h5", scan)
    (folder / "experiment.toml").write_text(TOML)
    return folder


def train_all(study, strategy="acquired-lines"):
    """Original, oracle and one unlearned model of an experiment, in a few steps."""
    jobs = (
        lambda: study.training_job("original", "cpu", 1),
        lambda: study.training_job("oracle", "cpu", 1),
        lambda: study.unlearning_job(strategy, steps=2, device="cpu"),
    )
    for job in jobs:
        for _ in train(job()):
            pass
