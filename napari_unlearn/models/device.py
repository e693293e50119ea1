"""Which device computes, by the name a person knows it by."""

import os

import torch

from napari_unlearn.errors import UnlearnError


def resolve_device(name: str = "auto") -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device that exists.

    Raises:
        UnlearnError: if the device is not on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in available_devices() and name != "cuda":
        accepted = ", ".join(["auto", *available_devices()])
        raise UnlearnError(f"Device '{name}' is not on this machine; accepted here: {accepted}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise UnlearnError("Device 'cuda' is not on this machine: no CUDA GPU was found; use cpu.")
    return torch.device(name)


def available_devices() -> list[str]:
    """Names that `resolve_device` accepts, the CPU first."""
    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def device_name(device: torch.device) -> str:
    """What to call the device: "NVIDIA H200 (138 GB free)", "CPU (2 threads, 12 GB free)"."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return f"{torch.cuda.get_device_name(device)} ({free / 2**30:.0f} GB free)"
    threads = min(torch.get_num_threads(), os.cpu_count() or 1)
    return f"CPU ({threads} thread{'' if threads == 1 else 's'}{_free_memory()})"


def _free_memory() -> str:
    """What is left of the main memory, where the system tells (Linux)."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return ""
    return f", {free / 2**30:.0f} GB free"


def spare_a_core() -> None:
    """Leave one core to the window's own thread, which redraws while a worker computes."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
