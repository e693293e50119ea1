"""What a network's time is spent on."""

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

KINDS = {
    "convolution": ("conv", "addmm", "aten::mm", "aten::bmm", "gemm", "cutlass", "wgrad", "dgrad"),
    "norm and leaky ReLU": ("norm", "leaky", "bn_"),
    "FFT": ("fft",),
    "copies": ("copy", "cat", "roll", "clone", "contiguous", "pad", "repeat", "memcpy", "memset"),
    "pooling": ("pool",),
    "optimiser": ("adam", "foreach"),
}
"""Parts of the names of torch's operations and kernels, tried in this order."""
OTHER = "the rest"


def kind_of(operation: str) -> str:
    """Which share an operation of torch counts for."""
    low = operation.lower()
    return next((kind for kind, parts in KINDS.items() if any(p in low for p in parts)), OTHER)


def shares_of(work: Callable[[], None], device: torch.device) -> dict[str, float]:
    """Fractions of the time that work spends itself on each kind, by torch's profiler."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    work()
    with profile(activities=activities) as found:
        work()
    total = dict.fromkeys((*KINDS, OTHER), 0.0)
    for each in found.key_averages():
        own = each.self_device_time_total if on_gpu else each.self_cpu_time_total
        total[kind_of(each.key)] += own
    everything = sum(total.values()) or 1.0
    return {kind: value / everything for kind, value in total.items()}
