"""What a lane's process measures: forward, steps, peak memory, gradients, shares of the time."""

import gc
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from napari_unlearn.benchmarks.contenders import Contender, write_weights
from napari_unlearn.benchmarks.lane import Order, Setting, computing_in, timed
from napari_unlearn.benchmarks.peak import peak_memory, resident, start_peak
from napari_unlearn.benchmarks.shares import shares_of
from napari_unlearn.benchmarks.sizes import Slice, find_size, make_slice
from napari_unlearn.models.device import resolve_device
from napari_unlearn.unlearning.losses import ssim


class Bench:
    """A network with its slice and its optimiser; a step does not move the weights."""

    def __init__(self, contender: Contender, setting: Setting) -> None:
        torch.set_num_threads(setting.threads)
        self._device = resolve_device(setting.device)
        torch.backends.cudnn.benchmark = True  # for every contender; nothing on a CPU
        self._setting = setting
        self._contender = contender
        size = find_size(setting.size)
        data = make_slice(size)
        _set_up_libraries(contender)
        self._empty = resident()
        self._run = contender.build(size, setting.weights)
        self._run.model.to(self._device)
        if setting.compiled:
            for part in self._run.model.modules():
                if type(part).__name__ == "Unet":
                    part.compile()
        self._data = _placed(data, self._device)
        # A rate of 0 costs what any other does, and every step is the same.
        self._optimizer = torch.optim.Adam(self._run.model.parameters(), 0.0, fused=True)

    def carry_out(self, order: Order) -> Any:
        """One order's answer."""
        orders: dict[Order, Callable[[], Any]] = {
            "forward": lambda: timed(self._forward, self._wait),
            "step": lambda: timed(self._step, self._wait),
            "peak": self._peak,
            "output": self._output,
            "fp32 output": lambda: self._output(precision="fp32"),
            "gradient": lambda: self._gradient(self._setting.precision, torch.float32),
            "exact gradient": lambda: self._gradient("fp32", torch.float64),
            "shares": self._shares,
        }
        return orders[order]()

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _reconstruct(self, data: Slice, precision: str = "") -> Tensor:
        with computing_in(precision or self._setting.precision, self._device.type):
            return (
                self._run(data).float() if data.target.dtype == torch.float32 else self._run(data)
            )

    def _forward(self) -> None:
        with torch.no_grad():
            self._reconstruct(self._data)

    def _step(self) -> None:
        self._optimizer.zero_grad()
        self._loss(self._data).backward()
        self._optimizer.step()

    def _loss(self, data: Slice, precision: str = "") -> Tensor:
        return _loss(self._reconstruct(data, precision), data)

    def _peak(self) -> int:
        """Bytes beyond those of the libraries, at the fullest moment of two steps."""
        start_peak(self._device)
        self._step()
        self._step()
        self._wait()
        return peak_memory(self._device, self._empty)

    def _output(self, precision: str = "") -> NDArray[np.float32]:
        with torch.no_grad():
            return self._reconstruct(self._data, precision).cpu().numpy()

    def _gradient(self, precision: str, dtype: torch.dtype) -> NDArray[np.floating[Any]]:
        """Of all weights in the order of their names."""
        model, data = self._run.model, self._data
        if dtype == torch.float64:
            model.double()
            kspace, target = data.kspace.to(torch.complex128), data.target.double()
            data = replace(data, kspace=kspace, target=target)
        model.zero_grad()
        self._loss(data, precision).backward()
        found = {name: weight.grad for name, weight in model.named_parameters()}
        parts = [found[name] for name in sorted(found)]
        gradient = torch.cat([part.flatten() for part in parts if part is not None]).cpu().numpy()
        model.float().zero_grad()
        return gradient

    def _shares(self) -> dict[str, Any]:
        """Shares of a forward pass and of a step; arithmetic operations of a step."""
        with FlopCounterMode(display=False) as counter:
            self._loss(self._data).backward()
        return {
            "forward": shares_of(self._forward, self._device),
            "step": shares_of(self._step, self._device),
            "operations": counter.get_total_flops(),
            "product": self._product_rate(),
        }

    def _product_rate(self) -> float:
        """Operations per second of a large matrix product: what this device reaches at best."""
        edge = 8192 if self._device.type == "cuda" else 2048
        dtype = torch.bfloat16 if self._setting.precision == "bf16" else torch.float32
        left = torch.randn(edge, edge, device=self._device, dtype=dtype)
        times = [timed(lambda: left @ left, self._wait) for _ in range(5)]
        return 2 * edge**3 / min(times)


def _placed(data: Slice, device: torch.device) -> Slice:
    return Slice(
        data.kspace.to(device),
        data.lines.to(device),
        data.low_frequencies,
        data.target.to(device),
    )


def _loss(image: Tensor, data: Slice) -> Tensor:
    return 1 - ssim(image, data.target, data.target.amax((1, 2)))


def _set_up_libraries(contender: Contender) -> None:
    """Take a step with a toy: what libraries take at first use is nobody's training memory."""
    toy = find_size("toy")
    data = make_slice(toy)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "toy.pt"
        write_weights(toy, weights)
        run = contender.build(toy, weights)
    _loss(run(data), data).backward()
    torch.optim.Adam(run.model.parameters(), 0.0, fused=True).step()
    del run
    gc.collect()
