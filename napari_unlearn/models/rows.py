"""Channels-last tensors as the compiled loops take them, and loops shared by threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WIDE = 96  # numbers that fill enough vector registers at once
_WORTH_SHARING = 1_000_000  # numbers from which on a second thread gains more than it costs


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
    if image.numel() < _WORTH_SHARING:
        return 1
    return max(1, min(torch.get_num_threads(), image.shape[2] // 2))


def scratch(batch: int, parts: int, channels: int) -> NDArray[np.float64]:
    """Two numbers per part and channel."""
    return np.empty((batch, parts, 2, channels))


def share(parts: int, loop: Callable[..., None], *arguments: Any) -> None:
    """Call a loop for every part, all at the same time."""
    others = [_workers().submit(loop, part, parts, *arguments) for part in range(1, parts)]
    loop(0, parts, *arguments)
    for other in others:
        other.result()


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="rows")


@cache
def kernels() -> Any:
    """The module of compiled loops, imported when it is needed; None if there is no numba.

    numba refuses a numpy that is newer than itself.
    """
    try:
        return import_module("napari_unlearn.models.kernels")
    except ImportError:
        return None
