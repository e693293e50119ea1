"""Simulated scans on disk: single subjects, or a whole protocol as an experiment."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_unlearn.atomic import write_whole
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import FILE, Experiment
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.phantoms.protocols import (
    BRAIN_KNEE,
    CONTAMINATED_SITE,
    PROTOCOLS,
    Protocol,
    scans,
)
from napari_unlearn.phantoms.sites import SITE_A, SITES
from napari_unlearn.phantoms.subject import Anatomy, simulate_subject
from napari_unlearn.unlearning.measure import measure
from napari_unlearn.unlearning.record import CHECKPOINT, METRICS

SAMPLE_SCALE = 1 / 6
"""Share of the protocol's subjects in the sample experiment: an epoch takes seconds on a CPU."""

# Acceleration 8 with 4 % leaves too little of a 96x96 matrix for any model (measured).
COMMON = """
[sampling]
kind = "equispaced"
acceleration = 4
center_fraction = 0.08

[model]
architecture = "varnet"
parameters = { cascades = 4, channels = 8, pools = 3, sens_channels = 8, sens_pools = 3 }
"""

PARENT = """\
# Both start from a network that knows clean brains: the oracle of the brain/knee protocol.
parent = "../brain-knee/runs/oracle/checkpoint.safetensors"
"""

TRAINING = {
    BRAIN_KNEE.name: """
[training]
epochs = 14
test_every = 7

[unlearning]
# 7.5 % of the oracle's steps; the paper's 5 epochs would be 100.
steps = 210
retain_fraction = 0.1

[evaluation]
tissue = "marrow"
""",
    CONTAMINATED_SITE.name: f"""
[training]
{PARENT}epochs = 4
test_every = 4

[unlearning]
# 2.5 % of the passes that the oracle and the network it grew from took.
steps = 70
learning_rate = 7e-4
retain_fraction = 0.5

[evaluation]
planted_fault = true
""",
}


def simulate_subjects(
    folder: Path,
    anatomy: Anatomy,
    subjects: int,
    seed: int,
    slices: int,
    size: int,
    coils: int,
    site: str = SITE_A.name,
) -> Iterator[Path]:
    """Write one fastMRI file per subject and yield its path.

    Raises:
        UnlearnError: if an argument makes no sense or the folder cannot be written.
    """
    if site not in SITES:
        raise UnlearnError(f"There is no simulated site '{site}'; accepted: {', '.join(SITES)}.")
    _make(folder)
    for number in range(seed, seed + subjects):
        scan = simulate_subject(anatomy, number, slices, size, coils, SITES[site])
        path = folder / f"{scan.header.name}.h5"
        write_fastmri(path, scan)
        yield path


def simulate_protocol(folder: Path, name: str, scale: float = 1.0) -> Iterator[Path]:
    """Write all scans of a protocol and the `experiment.toml` that trains on them.

    Raises:
        UnlearnError: if the protocol is unknown or the folder cannot be written.
    """
    if name not in PROTOCOLS:
        raise UnlearnError(f"There is no protocol '{name}'; accepted: {', '.join(PROTOCOLS)}.")
    protocol = PROTOCOLS[name].scaled(scale)
    for scan_set in protocol.sets:
        place = folder / "data" / scan_set.role
        _make(place)
        for scan in scans(scan_set):
            path = place / f"{scan.header.name}.h5"
            write_fastmri(path, scan)
            yield path
    write_whole(folder / FILE, _experiment(protocol).encode())


def sample_experiment(folder: Path, models: Path, scale: float = SAMPLE_SCALE) -> Iterator[Path]:
    """Write a small contaminated-site experiment that only waits for its unlearning.

    Original and oracle are ready-made; their figures are measured anew on the few test scans
    at hand, so that curves may be read against them. An experiment that is there already stays.

    Args:
        folder: receives the experiment.
        models: holds `original.safetensors` and `oracle.safetensors`.
        scale: share of the protocol's subjects.

    Yields:
        Every scan that was written, then the experiment file.

    Raises:
        UnlearnError: if a checkpoint is missing or the folder cannot be written.
    """
    if not (folder / "runs" / "oracle" / METRICS).exists():
        yield from simulate_protocol(folder, CONTAMINATED_SITE.name, scale)
        toml = (folder / FILE).read_text(encoding="utf-8")
        # Both models are at hand, what they grew from is not.
        write_whole(folder / FILE, toml.replace(PARENT, "").encode())
        for role in ("original", "oracle"):
            _install(folder, models / f"{role}.safetensors")
    yield folder / FILE


def _install(folder: Path, checkpoint: Path) -> None:
    """Make a checkpoint the run of its name, measured on the experiment's own tests."""
    place = folder / "runs" / checkpoint.stem
    _make(place)
    try:
        shutil.copyfile(checkpoint, place / CHECKPOINT)
    except OSError as error:
        raise UnlearnError(f"{checkpoint}: cannot be copied ({error.strerror}).") from error
    model, _ = load_checkpoint(place / CHECKPOINT)
    job = Experiment.load(folder).training_job("oracle")
    measuring = measure(job, job.tests, model, resolve_device("cpu"), CancelToken())
    try:
        while True:
            next(measuring)
    except StopIteration as end:
        about = {"settings": {}, "metrics": end.value}
    write_whole(place / METRICS, json.dumps(about).encode())


def _experiment(protocol: Protocol) -> str:
    roles = list(dict.fromkeys(scan_set.role for scan_set in protocol.sets))
    tests = [role for role in roles if role.endswith("_test")]
    lines = [f'name = "{protocol.name}"', "seed = 0", "", "[data]"]
    lines += [f'{role} = ["data/{role}"]' for role in ("retain", "forget")]
    lines += ["", "[data.tests]", *(f'{role} = ["data/{role}"]' for role in tests)]
    return "\n".join(lines) + "\n" + COMMON + TRAINING[protocol.name]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnlearnError(f"{folder}: cannot be made ({error.strerror}).") from error
