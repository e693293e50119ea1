"""Simulated scans and heads on disk: single subjects, or a whole protocol as an experiment."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_unlearn.atomic import write_whole
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import FILE, Experiment
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.mri.subject3d import CONTRASTS, Structure
from napari_unlearn.phantoms.head import SHAPE, simulate_head
from napari_unlearn.phantoms.head_protocol import HEADS, HeadProtocol, heads
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


SEGMENTATION = f"""
[model]
architecture = "med3d"
# An encoder of output stride 4: a coarser grid loses the cortex of so small a head.
parameters = {{ depth = 10, in_channels = {len(CONTRASTS)}, classes = {len(Structure)}, \
width = 12, widest = 48, stem_stride = 2 }}

[training]
epochs = 80
equal_steps = true
learning_rate = 3e-3
decay = 0.7
test_every = 20

[unlearning]
epochs = 20
learning_rate = 1e-3
retain_fraction = 1.0
"""


def simulate_heads(folder: Path, subjects: int, seed: int, size: int) -> Iterator[Path]:
    """Write labelled 3D heads in MedicalNet's layout and yield the path of each one's labels.

    `images/<id>_<contrast>.nii.gz` and `labels/<id>.nii.gz`, as `io.subjects` reads them.

    Args:
        folder: receives the two folders.
        subjects: how many.
        seed: of the first; the others follow.
        size: rows and columns; the slices are in proportion, 56 gives 40.

    Raises:
        UnlearnError: if an argument makes no sense or the folder cannot be written.
    """
    for number in range(seed, seed + subjects):
        head = simulate_head(number, head_shape(size))
        write_subject(folder, head)
        yield folder / "labels" / f"{head.subject}.nii.gz"


def head_shape(size: int) -> tuple[int, int, int]:
    """Slices, rows and columns of a head that is `size` voxels wide."""
    return max(min(size, 16), round(size * SHAPE[0] / SHAPE[1])), size, size


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


def simulate_protocol(
    folder: Path, name: str, scale: float = 1.0, size: int | None = None
) -> Iterator[Path]:
    """Write all scans or heads of a protocol and the `experiment.toml` that trains on them.

    Args:
        folder: receives the experiment.
        name: of the protocol.
        scale: share of its subjects; each set keeps at least one.
        size: rows and columns of a head, 56 if None; scans have 96.

    Raises:
        UnlearnError: if the protocol is unknown, a size makes no sense for it, or the folder
            cannot be written.
    """
    if name == HEADS.name:
        yield from _simulate_head_protocol(folder, HEADS.scaled(scale), size or SHAPE[1])
        return
    if name not in PROTOCOLS:
        accepted = ", ".join((*PROTOCOLS, HEADS.name))
        raise UnlearnError(f"There is no protocol '{name}'; accepted: {accepted}.")
    if size is not None:
        raise UnlearnError(f"Scans of '{name}' have one size; only heads may have another.")
    protocol = PROTOCOLS[name].scaled(scale)
    for scan_set in protocol.sets:
        place = folder / "data" / scan_set.role
        _make(place)
        for scan in scans(scan_set):
            path = place / f"{scan.header.name}.h5"
            write_fastmri(path, scan)
            yield path
    write_whole(folder / FILE, _experiment(protocol).encode())


def _simulate_head_protocol(folder: Path, protocol: HeadProtocol, size: int) -> Iterator[Path]:
    people: dict[str, list[str]] = {}
    for part in protocol.sets:
        people[part.role] = []
        for head in heads(part, head_shape(size)):
            write_subject(folder / "data", head)
            people[part.role].append(head.subject)
            yield folder / "data" / "labels" / f"{head.subject}.nii.gz"
    own = {role: f"{role} = {json.dumps(ids)}" for role, ids in people.items()}
    lines = [f'name = "{protocol.name}"', 'task = "segmentation"', "seed = 0", "", "[data]"]
    lines += ['root = "data"', own["retain"], own["forget"]]
    lines += [
        "# Labelled, but no model learns them and no figure is published on them.",
        own["unseen"],
    ]
    lines += ["", "[data.tests]", own["unseen_test"]]
    lines += ["# Nobody whom a model has seen, for the membership attack alone.", own["nonmember"]]
    write_whole(folder / FILE, ("\n".join(lines) + "\n" + SEGMENTATION).encode())


def protocol_size(name: str, scale: float = 1.0) -> int:
    """How many subjects a protocol has, over all sets.

    Raises:
        UnlearnError: if the protocol is unknown, or the scale makes no sense.
    """
    known: dict[str, Protocol | HeadProtocol] = {**PROTOCOLS, HEADS.name: HEADS}
    if name not in known:
        raise UnlearnError(f"There is no protocol '{name}'; accepted: {', '.join(known)}.")
    protocol = known[name]
    return sum(part.subjects for part in protocol.scaled(scale).sets)


def sample_experiment(
    folder: Path,
    models: Path,
    scale: float = SAMPLE_SCALE,
    protocol: str = CONTAMINATED_SITE.name,
    also_measured: Sequence[str] = (),
) -> Iterator[Path]:
    """Write a small experiment that only waits for its unlearning.

    Original and oracle are ready-made; their figures are measured anew on the few test subjects
    at hand, so that curves may be read against them. An experiment that is there already stays.

    Args:
        folder: receives the experiment.
        models: holds `original.safetensors` and `oracle.safetensors`.
        scale: share of the protocol's subjects.
        protocol: by name.
        also_measured: sets beside the tests, e.g. "forget".

    Yields:
        Every scan or head that was written, then the experiment file.

    Raises:
        UnlearnError: if a checkpoint is missing or the folder cannot be written.
    """
    if not (folder / "runs" / "oracle" / METRICS).exists():
        yield from simulate_protocol(folder, protocol, scale)
        toml = (folder / FILE).read_text(encoding="utf-8")
        # Both models are at hand, what they grew from is not.
        write_whole(folder / FILE, toml.replace(PARENT, "").encode())
        for role in ("original", "oracle"):
            _install(folder, models / f"{role}.safetensors", also_measured)
    yield folder / FILE


def _install(folder: Path, checkpoint: Path, also_measured: Sequence[str] = ()) -> None:
    """Make a checkpoint the run of its name, measured on the experiment's own tests."""
    place = folder / "runs" / checkpoint.stem
    _make(place)
    try:
        shutil.copyfile(checkpoint, place / CHECKPOINT)
    except OSError as error:
        raise UnlearnError(f"{checkpoint}: cannot be copied ({error.strerror}).") from error
    model, _ = load_checkpoint(place / CHECKPOINT)
    experiment = Experiment.load(folder)
    job = experiment.training_job("oracle")
    sets = {**{name: experiment.samples(name) for name in also_measured}, **job.tests}
    measuring = measure(job, sets, model, resolve_device("cpu"), CancelToken())
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
