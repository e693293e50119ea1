"""A whole segmentation experiment in miniature: heads of 16 voxels, a network of 3,000 weights."""

from pathlib import Path

from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.phantoms.head import simulate_head

SHAPE = (16, 16, 16)
SETS = {
    "retain": ("head-0000", "head-0001", "head-0002"),
    "forget": ("head-0010", "head-0011"),
    "unseen_test": ("head-0020",),
    "nonmember": ("head-0030",),
    "unseen": ("head-0040",),
}
TOML = """
name = "heads"
task = "segmentation"

[data]
root = "data"
retain = ["head-000*"]
forget = ["head-0010", "head-0011"]
unseen = ["head-0040"]

[data.tests]
unseen_test = ["head-002?"]
nonmember = ["head-0030"]

[model]
architecture = "med3d"
parameters = { depth = 10, in_channels = 3, classes = 11, width = 2, widest = 4, stem_stride = 2 }

[training]
epochs = 2
equal_steps = true
test_every = 2

[unlearning]
epochs = 1
retain_fraction = 1.0
"""


def write_heads(folder: Path) -> Path:
    """Write subjects and experiment file; the folder."""
    for ids in SETS.values():
        for subject in ids:
            write_subject(folder / "data", simulate_head(int(subject[-4:]), SHAPE))
    (folder / "experiment.toml").write_text(TOML)
    return folder
