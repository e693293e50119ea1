"""What Med3D takes on volumes of a size: memory counted beforehand, then measured with the time."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.out_of_memory import memory_said
from napari_unlearn.models.device import resolve_device
from napari_unlearn.models.medicalnet import PREFIX, convert_medicalnet
from napari_unlearn.models.memory import Memory, forward_memory, step_memory
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.volumes import VolumeBatch

_LOOK = 0.002
"""Seconds between two looks at what the process holds."""
DECODER = "conv_seg."


@dataclass(frozen=True)
class Trial:
    """A network of MedicalNet's shape, a grid, and how to compute."""

    depth: int = 50
    channels: int = 1
    classes: int = 10
    width: int = 64
    shape: tuple[int, int, int] = (56, 448, 448)
    """Slices, rows, columns."""
    precision: str = "32-true"
    """As Lightning Fabric names it."""
    checkpointing: bool = False
    channels_last: bool = False
    """Whether the channels of a voxel lie side by side in memory."""
    device: str = "cpu"
    weights: Path | None = None
    """A file of MedicalNet's; None writes one of random weights first."""

    @property
    def parameters(self) -> dict[str, int | float | bool | str]:
        """Of the network."""
        widest = 8 * self.width
        kind = "A" if self.depth in (18, 34) else "B"
        return {
            "depth": self.depth,
            "in_channels": self.channels,
            "classes": self.classes,
            "width": self.width,
            "widest": widest,
            "shortcut": kind,
            "checkpointing": self.checkpointing,
        }

    def network(self) -> nn.Module:
        """With fresh weights."""
        return build("med3d", self.parameters)

    def loss(self, model: nn.Module) -> Tensor:
        """Of a training step, on an image of noise with random labels."""
        return Segmentation().loss(model, self.batch())

    def batch(self) -> VolumeBatch:
        """One subject of noise."""
        return VolumeBatch(
            image=torch.randn((1, self.channels, *self.shape)),
            target=torch.randint(self.classes, (1, *self.shape)),
            classes=self.classes,
        )


@dataclass(frozen=True)
class Measured:
    """What a pass or a step really took."""

    name: str
    """forward or step"""
    memory: int
    """Peak bytes beyond those of the program itself; on a GPU those of tensors."""
    seconds: float
    remark: str = ""
    """What was loaded."""


def counted(trial: Trial) -> dict[str, Memory]:
    """Memory of a forward pass and of a training step; neither is run."""
    shape = (1, trial.channels, *trial.shape)
    return {
        "forward": forward_memory(trial.network, shape, trial.precision),
        "step": step_memory(trial.network, trial.loss, trial.precision),
    }


def measure(trial: Trial, cancel: CancelToken) -> Iterator[Measured]:
    """Load the weights, run forward, take a training step; to be called in a fresh process.

    Adam's moments are there before the step, as they are in every step but the first.

    Raises:
        UnlearnError: The weights cannot be used, memory runs out, or the loss is not finite.
    """
    device = resolve_device(trial.device)
    model, remark = _loaded(trial)
    layout = torch.channels_last_3d if trial.channels_last else torch.contiguous_format
    fabric = Fabric(
        accelerator="cuda" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.type == "cuda" else 1,
        precision=trial.precision,  # type: ignore[arg-type]
    )
    batch = trial.batch().to(device)
    model = model.to(device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    wrapped, stepper = fabric.setup(model, optimizer)
    image = batch.image.to(memory_format=layout)
    batch = VolumeBatch(image, batch.target, batch.classes)
    # What is there beside weights and image: torch, its libraries, the labels.
    before = psutil.Process().memory_info().rss - image.nbytes - _bytes_of(model)

    def forward() -> None:
        with torch.inference_mode():
            wrapped.eval()(batch.image)

    def step() -> None:
        loss = Segmentation().loss(wrapped.train(), batch)
        fabric.backward(loss)
        stepper.step()
        if not np.isfinite(float(loss.detach())):
            raise UnlearnError("The loss of the step is not finite.")

    work = "x".join(map(str, trial.shape))
    for name, run in (("forward", forward), ("step", step)):
        cancel.check()
        with memory_said(f"trying a {name} at {work} voxels", device):
            if name == "step":
                _give_moments(model, stepper)
                before -= batch.target.nbytes
            memory, seconds = _watched(run, device, before)
        yield Measured(name, memory, seconds, remark)


def _loaded(trial: Trial) -> tuple[nn.Module, str]:
    """The network, filled from a file as MedicalNet publishes them: without a decoder."""
    with tempfile.TemporaryDirectory() as folder:
        path = trial.weights or Path(folder) / f"resnet_{trial.depth}.pth"
        if trial.weights is None:
            named = trial.network().state_dict()
            kept = {PREFIX + k: v for k, v in named.items() if not k.startswith(DECODER)}
            torch.save({"state_dict": kept}, path)
        model, _, adoption = convert_medicalnet(
            path, trial.channels, trial.classes, checkpointing=trial.checkpointing
        )
    return model, adoption.summary


def _bytes_of(model: nn.Module) -> int:
    return sum(value.nbytes for value in model.state_dict().values())


def _give_moments(model: nn.Module, optimizer: Any) -> None:
    """A step with gradients of 0 moves nothing and leaves Adam's moments behind."""
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    optimizer.zero_grad()


def _watched(run: Callable[[], None], device: torch.device, before: int) -> tuple[int, float]:
    """Peak memory [bytes] and time [s] of a piece of work."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        began = time.perf_counter()
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device), time.perf_counter() - began
    process, peaks, over = psutil.Process(), [before], threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            peaks[0] = max(peaks[0], process.memory_info().rss)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    began = time.perf_counter()
    try:
        run()
    finally:
        seconds = time.perf_counter() - began
        over.set()
        watcher.join()
    return peaks[0] - before, seconds
