"""A volume too large for a network at once: overlapping windows, one after the other."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.io.preprocess3d import Triple

Precision = Literal["32-true", "bf16-mixed"]

OVERLAP = 0.25
LARGEST = 128
"""Edge of a window where memory does not ask for a smaller one [voxels]."""
SMALLEST = 32
STEP = 8
"""Windows lie on the coarse grid of the network, or its answers would shift by parts of a voxel:
Med3D's output stride."""
_SPREAD = 0.125
"""Standard deviation of a window's weight, share of its edge."""
_FAINTEST = 1e-3
"""Weight of a window's corner: never nothing, so that the volume's own corners are labelled."""


@dataclass(frozen=True)
class Windows:
    """How a volume is divided."""

    size: Triple
    """Of a window [voxels]."""
    overlap: float = OVERLAP
    """Share of a window's edge that it has in common with the next."""

    def starts(self, shape: Triple) -> tuple[list[int], list[int], list[int]]:
        """First voxel of the windows along each axis; the last window ends with the volume."""
        places = []
        for length, size in zip(shape, self.size, strict=True):
            stride = max(STEP, round(size * (1 - self.overlap)) // STEP * STEP)
            last = max(0, length - size)
            places.append([*range(0, last, stride), last])
        return places[0], places[1], places[2]

    def count(self, shape: Triple) -> int:
        """How many windows a volume takes."""
        depth, rows, columns = self.starts(shape)
        return len(depth) * len(rows) * len(columns)


@dataclass(frozen=True)
class Windowed:
    """A network is so far with a volume."""

    done: int
    total: int


def fitting(shape: Triple, bytes_per_voxel: float, free: float) -> Windows | None:
    """The largest windows, no edge above 128, of which one takes at most half the memory.

    Args:
        shape: Of the volume.
        bytes_per_voxel: That a forward pass takes.
        free: Bytes.

    Returns:
        None if not even windows of 32 voxels do.
    """
    size = [min(length, LARGEST) for length in shape]
    while np.prod(size, dtype=float) * bytes_per_voxel > free / 2:
        longest = int(np.argmax(size))
        if size[longest] <= SMALLEST:
            return None
        size[longest] = max(SMALLEST, size[longest] // 2 // STEP * STEP)
    return Windows((size[0], size[1], size[2]))


def label_by_windows(
    model: nn.Module,
    image: NDArray[np.float32],
    windows: Windows,
    device: torch.device | str = "cpu",
    precision: Precision = "32-true",
) -> Iterator["Windowed | NDArray[np.uint8]"]:
    """Label a volume window by window.

    Logits of overlapping windows are added with Gaussian weights, w(r) = exp(-r^2 / 2s^2) with
    s an eighth of the edge, so that a voxel follows the window in whose middle it lies. Only one
    layer of windows is held: memory grows with rows and columns of the volume, not with its depth.

    Args:
        model: In evaluation mode, on `device`.
        image: (channels, depth, rows, columns)
        windows: No larger than the volume.
        device: Where to compute.
        precision: As Lightning Fabric names it.

    Yields:
        Windows done and their number, and in the end the labels, (depth, rows, columns).

    Raises:
        EvaluationError: An answer is not finite, or the device lacks the precision.
    """
    shape = (image.shape[1], image.shape[2], image.shape[3])
    depths, rows, columns = windows.starts(shape)
    total, done = windows.count(shape), 0
    if total == 1:
        yield _logits(model, image, device, precision).argmax(0).to(torch.uint8).cpu().numpy()
        return
    weight = _weight(windows.size).to(device)
    labels = np.empty(shape, np.uint8)
    layer: Tensor | None = None
    for here, following in zip(depths, [*depths[1:], shape[0]], strict=True):
        for row, column in product(rows, columns):
            box = tuple(map(_span, (here, row, column), windows.size))
            logits = _logits(model, image[(slice(None), *box)], device, precision) * weight
            if layer is None:
                layer = torch.zeros(len(logits), windows.size[0], *shape[1:], device=device)
            layer[(slice(None), slice(None), *box[1:])] += logits
            done += 1
            yield Windowed(done, total)
        if layer is None:
            raise EvaluationError("A volume without voxels cannot be labelled.")
        finished = following - here
        labels[here:following] = layer[:, :finished].argmax(0).to(torch.uint8).cpu().numpy()
        layer = _moved_on(layer, finished)
    yield labels


def in_precision(precision: Precision, device: torch.device | str) -> AbstractContextManager:
    """Compute in two bytes where the network allows, or not.

    Raises:
        EvaluationError: The device has no bfloat16.
    """
    if precision == "32-true":
        return nullcontext()
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise EvaluationError(f"{device} does not compute in bfloat16; accepted: 32-true.")
    return torch.autocast(kind, torch.bfloat16)


def _logits(
    model: nn.Module, image: NDArray[np.float32], device: torch.device | str, precision: Precision
) -> Tensor:
    given = torch.from_numpy(np.ascontiguousarray(image))[None].to(device)
    with torch.inference_mode(), in_precision(precision, device):
        logits = model(given)[0].float()
    if not torch.isfinite(logits).all():
        raise EvaluationError(
            "The answer of the network is not finite; its weights or the images are damaged."
        )
    return logits


def _weight(size: Triple) -> Tensor:
    """Gaussian around the middle of a window, (depth, rows, columns)."""
    edges = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (_SPREAD * n)) ** 2) for n in size]
    weight = edges[0][:, None, None] * edges[1][:, None] * edges[2]
    return weight.clamp(min=_FAINTEST)


def _moved_on(layer: Tensor, planes: int) -> Tensor:
    """What the next layer of windows adds to: the planes that it shares with this one."""
    kept = layer.shape[1] - planes
    if kept > 0:
        layer[:, :kept] = layer[:, planes:].clone()
    layer[:, max(kept, 0) :] = 0
    return layer


def _span(start: int, size: int) -> slice:
    return slice(start, start + size)
