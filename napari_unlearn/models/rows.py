"""Channels-last tensors as the compiled loops take them, and loops shared by threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WIDE = 96  # numbers that fill enough vector registers at once
_WORTH_SHARING = 200_000  # numbers from which on a second thread gains more than it costs


class Rows(NamedTuple):
    """A tensor's memory, row by row."""

    values: NDArray[Any]
    """(batch, rows, columns * stride)"""
    stride: int
    """Numbers per pixel."""
    at: int
    """The first that is the tensor's."""


def rows_of(image: Tensor) -> Rows:
    """See (batch, channels, rows, columns); what lies otherwise in memory is copied."""
    batch, channels, rows, columns = image.shape
    start = image.storage_offset()
    if image.is_contiguous(memory_format=torch.channels_last):
        stride, at = channels, 0
    else:
        stride = image.stride(3)
        at = start % stride if stride else 0
        start -= at
        wanted = (rows * columns * stride, 1, columns * stride, stride)
        end = (start + batch * rows * columns * stride) * image.element_size()
        if (
            image.stride() != wanted
            or at + channels > stride
            or end > image.untyped_storage().nbytes()
        ):
            return rows_of(image.contiguous(memory_format=torch.channels_last))
    length = columns * stride
    whole = image.as_strided((batch, rows, length), (rows * length, length, 1), start)
    return Rows(whole.numpy(force=True), stride, at)


@cache
def nothing(dtype: np.dtype[Any]) -> NDArray[Any]:
    """What stands for rows that there are not."""
    return np.empty((0, 0, 0), dtype)


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
    """The module of compiled loops; numba, which takes a moment, is imported when it is needed."""
    return import_module("napari_unlearn.models.kernels")
