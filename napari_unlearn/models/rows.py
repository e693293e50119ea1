"""Channels-last tensors as the compiled loops take them, and loops shared by threads."""

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

EPSILON = 1e-5
"""Added to the variance by which a norm divides."""
_WIDE = 96  # numbers that fill enough vector registers at once
_WORTH_SHARING = 30_000  # numbers from which on a second thread gains more than it costs
Shape = tuple[int, int, int, int]


def readable(image: Tensor) -> Tensor:
    """The same (batch, channels, rows, columns), copied if its pixels are not evenly spread."""
    if image.is_contiguous(memory_format=torch.channels_last):
        return image
    _, channels, rows, columns = image.shape
    stride = image.stride(3)
    even = (rows * columns * stride, 1, columns * stride, stride)
    if stride >= channels and image.stride() == even:
        return image
    return image.contiguous(memory_format=torch.channels_last)


def place(image: Tensor) -> tuple[int, int]:
    """Address of the first number and numbers from one pixel to the next, if `readable`.

    Only as long as the tensor lives.
    """
    if image.is_contiguous(memory_format=torch.channels_last):
        return image.data_ptr(), image.shape[1]
    return image.data_ptr(), image.stride(3)


@cache
def lanes_of(channels: int, columns: int) -> int:
    """Of as many neighbouring pixels as fill vector registers and divide a row."""
    fold = 1
    while 2 * fold * channels <= _WIDE and columns % (2 * fold) == 0:
        fold *= 2
    return fold * channels


def parts_of(image: Tensor) -> int:
    """In how many parts the rows of such images are worked on."""
    if image.numel() < _WORTH_SHARING or _team() is None:
        return 1
    return max(1, min(torch.get_num_threads(), image.shape[2] // 2))


def share(parts: int, name: str, shape: Shape, lanes: int, slope: Any, *addresses: int) -> None:
    """Call a loop for every part; several are shared by the threads that compute torch's own.

    Threads of our own would find the cores taken: torch's wait for work without leaving them.
    """
    if parts == 1:
        getattr(kernels(), name)(0, 1, shape, lanes, slope, *addresses)
        return
    given = (ctypes.c_int64 * 16)(parts, *shape, lanes, *addresses)
    body = _bodies(slope)[name]
    _team()(body.address, ctypes.addressof(given), parts, 0)


@cache
def _team() -> Any:
    """The way in which OpenMP has a team of threads call a function; None if it is not known.

    That of GCC's runtime, which torch's wheels for Linux bring.
    """
    try:
        library = ctypes.CDLL(None)
        library.omp_get_thread_num  # noqa: B018
        start = library.GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return None
    start.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    start.restype = None
    return start


@cache
def _bodies(slope: Any) -> dict[str, Any]:
    return import_module("napari_unlearn.models.team").bodies(slope)


@cache
def kernels() -> Any:
    """The module of compiled loops, imported when it is needed; None if there is no numba.

    numba refuses a numpy that is newer than itself.
    """
    try:
        return import_module("napari_unlearn.models.kernels")
    except ImportError:
        return None
