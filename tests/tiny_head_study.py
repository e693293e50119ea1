"""A whole study of heads in miniature: a head per set, a network of some thousand weights."""

from pathlib import Path

from napari_unlearn.simulation import simulate_protocol

TINY_MODEL = {
    "depth": 10,
    "in_channels": 3,
    "classes": 11,
    "width": 2,
    "widest": 4,
    "stem_stride": 4,
}


def write_head_study(folder: Path) -> Path:
    """Write heads of 16 voxels a side and the experiment file; the folder."""
    list(simulate_protocol(folder, "heads", scale=0.4, size=16))
    path = folder / "experiment.toml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("parameters")]
    text = "\n".join(kept).replace("epochs = 80", "epochs = 2").replace("epochs = 20", "epochs = 2")
    rows = "\n".join(f"{key} = {value}" for key, value in TINY_MODEL.items())
    path.write_text(f"{text}\n[model.parameters]\n{rows}\n")
    return folder
