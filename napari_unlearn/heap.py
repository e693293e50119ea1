"""Freed memory kept by the process, for work that asks for the same sizes again and again."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # <malloc.h>
_LARGEST = 32 << 20  # bytes; glibc takes no larger threshold
_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Let glibc keep up to 1 GB of freed memory instead of giving it back to the kernel.

    Every step of training takes and frees the same hundreds of arrays; the kernel clears each
    page before it hands it out again. Only for processes that end with their work: a window
    should give back what it freed.

    Returns:
        Whether the C library took the advice; others than glibc are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    advice = {_M_MMAP_THRESHOLD: _LARGEST, _M_TRIM_THRESHOLD: _KEPT, _M_TOP_PAD: _LARGEST}
    return all(mallopt(name, value) == 1 for name, value in advice.items())
