"""The most memory that this process held."""

import sys
from pathlib import Path

import psutil
import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident() -> int:
    """Bytes that the process holds now."""
    return int(psutil.Process().memory_info().rss)


def start_peak(device: torch.device) -> None:
    """Forget earlier peaks, where the system allows it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _RESET.exists():
        _RESET.write_text("5")


def peak_memory(device: torch.device, empty: int) -> int:
    """Bytes at the fullest moment, beyond `empty`; on a GPU those of tensors.

    The system's own high-water mark: Linux VmHWM, macOS ru_maxrss, Windows the peak working set.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():
        line = next(x for x in _STATUS.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 - empty
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset) - empty
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) - empty
