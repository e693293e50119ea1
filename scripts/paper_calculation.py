"""What all of fastMRI's brains and knees would cost: hours, memory, reading, on 1, 8 and 64 GPUs.

Usage: python scripts/paper_calculation.py [--measure]

--measure counts the floating-point operations of one training step of the paper's network, times
such a step on this machine's CPU and writes docs/results/paper-calculation.json; where there is a
CUDA GPU it is timed there as well, in bf16-mixed. Without it the table in docs/cluster.md is made
anew from that file: from the GPU's own step if one was timed, else from the assumptions below.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_unlearn.experiment.scans import slice_loss
from napari_unlearn.experiment.weight import SliceWeight
from napari_unlearn.heap import keep_freed_memory
from napari_unlearn.models.varnet import VarNet
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import Header, MemoryScan
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.task import Reconstruction

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results" / "paper-calculation.json"
PAGE = ROOT / "docs" / "cluster.md"
BEGIN, END = "<!-- calculation -->", "<!-- end of calculation -->"
NETWORK = {"cascades": 12, "channels": 18, "pools": 4, "sens_channels": 8, "sens_pools": 4}
EPOCHS, UNLEARNING_EPOCHS, RETAIN_FRACTION = 50, 5, 0.1
GIB = 2**30


@dataclass(frozen=True)
class Anatomy:
    """fastMRI's multi-coil training set of one anatomy, and a typical k-space of it."""

    name: str
    volumes: int
    slices: int
    shape: tuple[int, int, int]
    """Coils, rows, columns."""

    @property
    def header(self) -> Header:
        """Of one slice."""
        coils, rows, columns = self.shape
        return Header(self.name, 1, coils, rows, columns, 320, 320)

    @property
    def slice_bytes(self) -> int:
        """Complex64 k-space."""
        coils, rows, columns = self.shape
        return 8 * coils * rows * columns


BRAIN = Anatomy("brain", 4469, 70_748, (16, 640, 320))
KNEE = Anatomy("knee", 973, 34_742, (15, 640, 368))


@dataclass(frozen=True)
class Assumed:
    """What was not measured."""

    gpu: str = "NVIDIA H100 SXM"
    peak: float = 989e12
    """Dense bf16 operations per second, by its data sheet."""
    share: float = 0.02
    """Of the peak that a training step reaches: 18 channels at full resolution leave most of a
    tensor core idle, and thousands of small kernels wait for their launch."""
    shares: tuple[float, float] = (0.05, 0.01)
    """Between which it may lie."""
    within: float = 300e9
    """Bytes per second that 8 GPUs of a machine sum gradients at, each."""
    between: float = 25e9
    """The same between machines."""
    machine: int = 8
    """GPUs per machine."""


ASSUMED = Assumed()


def operations(anatomy: Anatomy) -> int:
    """Floating-point operations of forward and backward; FFTs and pointwise work not counted."""
    with torch.device("meta"):
        model = VarNet(**NETWORK)
    loss = slice_loss(anatomy.header)
    with FlopCounterMode(display=False) as counter:
        loss(model).backward()
    return counter.get_total_flops()


def step_seconds(anatomy: Anatomy, device: str, repeats: int) -> float:
    """The best of some training steps; the first one warms up."""
    torch.manual_seed(0)
    coils, rows, columns = anatomy.shape
    kspace = torch.randn(1, coils, rows, columns, dtype=torch.complex64).numpy()
    scan = MemoryScan(anatomy.header, kspace, torch.rand(1, 320, 320).numpy())
    batch = SliceSet([scan], Sampling("equispaced", 8, 0.04)).batch(0, 0).to(torch.device(device))
    model = VarNet(**NETWORK).to(device)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = Reconstruction().loss(model, batch)
        loss.backward()
        adam.step()
        adam.zero_grad()
        float(loss.detach())
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def measure() -> dict:
    """Operations, memory, and the time of a step here."""
    keep_freed_memory()
    found: dict = {"command": "python scripts/paper_calculation.py --measure", "anatomies": {}}
    for anatomy in (BRAIN, KNEE):
        weight = SliceWeight(VarNet, NETWORK, slice_loss(anatomy.header))
        light = SliceWeight(VarNet, {**NETWORK, "checkpointing": True}, slice_loss(anatomy.header))
        found["anatomies"][anatomy.name] = {
            **asdict(anatomy),
            "operations": operations(anatomy),
            "state_bytes": weight.state,
            "activation_bytes": weight.activations,
            "activation_bytes_checkpointing": light.activations,
        }
    found["weights_bytes"] = weight.weights
    seconds = step_seconds(KNEE, "cpu", 1)
    found["cpu"] = {
        "anatomy": KNEE.name,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "operations_per_second": found["anatomies"][KNEE.name]["operations"] / seconds,
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        found["gpu"] = {
            "name": torch.cuda.get_device_name(),
            "seconds": {each.name: step_seconds(each, "cuda", 10) for each in (BRAIN, KNEE)},
        }
    return found


@dataclass(frozen=True)
class Work:
    """A run: how many passes over slices of each anatomy, in how many steps on one GPU."""

    name: str
    brain: float
    knee: float
    steps: float


def works() -> list[Work]:
    """Original, oracle, and unlearning of the knees with the paper's budget."""
    brain, knee = BRAIN.slices, KNEE.slices
    epoch = max(knee, RETAIN_FRACTION * brain)
    return [
        Work("original", EPOCHS * brain, EPOCHS * knee, EPOCHS * (brain + knee)),
        Work("oracle", EPOCHS * brain, 0, EPOCHS * brain),
        Work("NL-FT", *(3 * (UNLEARNING_EPOCHS * epoch,))),
    ]


def hours(results: dict, work: Work, gpus: int, share: float = ASSUMED.share) -> float:
    """Computing, and the sums of gradients as if nothing overlapped."""
    computing = sum(
        passes * gpu_seconds(results, anatomy, share)
        for passes, anatomy in ((work.brain, BRAIN), (work.knee, KNEE))
    )
    speed = ASSUMED.within if gpus <= ASSUMED.machine else ASSUMED.between
    exchange = 2 * (gpus - 1) / gpus * results["weights_bytes"] / speed
    return (computing + exchange * work.steps) / gpus / 3600


def gpu_seconds(results: dict, anatomy: Anatomy, share: float = ASSUMED.share) -> float:
    """Of one forward and backward pass; measured, or at an assumed share of the peak."""
    if "gpu" in results:
        return results["gpu"]["seconds"][anatomy.name]
    return results["anatomies"][anatomy.name]["operations"] / (ASSUMED.peak * share)


def cell(results: dict, work: Work, gpus: int) -> str:
    """Hours, and those at the best and worst share that is assumed."""
    middle = _two(hours(results, work, gpus))
    if "gpu" in results:
        return middle
    low, high = (_two(hours(results, work, gpus, share)) for share in ASSUMED.shares)
    return f"{middle} ({low} to {high})"


def _two(value: float) -> str:
    """Two digits that mean something."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def table(results: dict) -> str:
    """What was measured and assumed, and what follows, as markdown."""
    cpu, knee = results["cpu"], results["anatomies"][KNEE.name]
    brain = results["anatomies"][BRAIN.name]
    lines = [
        f"`{results['command']}` counted {brain['operations'] / 1e12:.1f} (brain, "
        f"{_by(BRAIN.shape)}) and {knee['operations'] / 1e12:.1f} (knee, {_by(KNEE.shape)}) "
        "× 10¹² floating-point operations for the forward and backward pass of one slice (those of "
        "convolutions and matrix products), and "
        f"timed the knee's step at {cpu['seconds']:.1f} s on {cpu['cores']} CPU cores "
        f"({cpu['threads']} threads, float32, torch {cpu['torch']}): "
        f"{cpu['operations_per_second'] / 1e9:.0f} × 10⁹ operations per second.",
        "",
    ]
    if "gpu" in results:
        gpu = results["gpu"]
        lines += [
            f"Measured on a {gpu['name']} in bf16-mixed: {gpu['seconds']['brain']:.3f} s (brain), "
            f"{gpu['seconds']['knee']:.3f} s (knee) per step."
        ]
    else:
        lines += [
            f"**Assumed, not measured**: an {ASSUMED.gpu} (peak {ASSUMED.peak / 1e12:.0f} × 10¹² "
            f"bf16 operations per second by its data sheet) that reaches "
            f"{100 * ASSUMED.share:g} % of its peak, hence {gpu_seconds(results, BRAIN):.3f} s "
            f"(brain) and {gpu_seconds(results, KNEE):.3f} s (knee) per pass. In brackets the "
            f"hours at {100 * ASSUMED.shares[0]:g} % and at {100 * ASSUMED.shares[1]:g} %."
        ]
    lines += [
        f"Assumed as well: gradients are summed at {ASSUMED.within / 1e9:.0f} GB/s within a "
        f"machine of {ASSUMED.machine} GPUs and at {ASSUMED.between / 1e9:.0f} GB/s between "
        "machines, and nothing of it overlaps with the computing.",
        "",
        "| run | passes (millions) | this CPU [days] | 1 GPU [h] | 8 GPUs [h] | 64 GPUs [h] |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for work in works():
        passes = (work.brain + work.knee) / 1e6
        here = (work.brain * brain["operations"] + work.knee * knee["operations"]) / cpu[
            "operations_per_second"
        ]
        cells = " | ".join(cell(results, work, gpus) for gpus in (1, 8, 64))
        lines.append(f"| {work.name} | {passes:.2f} | {here / 3600 / 24:.0f} | {cells} |")
    lines += ["", *_memory(results)]
    return "\n".join(lines)


def _memory(results: dict) -> list[str]:
    """Of a GPU, of the disk, and what is read per second."""
    knee = results["anatomies"][KNEE.name]
    state, plain, light = (
        knee[key] / GIB
        for key in ("state_bytes", "activation_bytes", "activation_bytes_checkpointing")
    )
    weights = results["weights_bytes"] / GIB
    disk = sum(each.slices * each.slice_bytes for each in (BRAIN, KNEE)) / 1e12
    rate = KNEE.slice_bytes / gpu_seconds(results, KNEE) / 1e6
    return [
        "| | 1 GPU | 8 GPUs | 64 GPUs |",
        "| --- | ---: | ---: | ---: |",
        f"| memory per GPU, float32, training [GiB] | {state + plain:.1f} | {state + plain:.1f} "
        f"| {state + plain:.1f} |",
        f"| the same with checkpointing [GiB] | {state + light:.1f} | {state + light:.1f} "
        f"| {state + light:.1f} |",
        f"| gradients to sum with, per GPU [GiB] | 0 | {weights:.2f} | {weights:.2f} |",
        f"| k-space read while training [MB/s] | {rate:.0f} | {8 * rate:.0f} | {64 * rate:.0f} |",
        "",
        f"K-space on disk: {disk:.1f} TB for the shapes above. Memory is counted, one slice at a "
        "time (docs/architecture.md says how far counts were from runs); NL-FT keeps the "
        f"activations of two slices, {state + 2 * plain:.1f} GiB, "
        f"{state + 2 * light:.1f} GiB with checkpointing.",
    ]


def _by(shape: tuple[int, int, int]) -> str:
    coils, rows, columns = shape
    return f"{coils} coils, {rows}×{columns}"


def main() -> None:
    """Measure if asked to, and publish."""
    if "--measure" in sys.argv[1:]:
        RESULTS.write_text(json.dumps(measure(), indent=1) + "\n")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = table(json.loads(RESULTS.read_text()))
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
