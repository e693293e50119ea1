"""Channels-last tensors as the compiled loops take them, and loops shared by threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WIDE = 96  # numbers that fill enough vector registers at once
_WORTH_SHARING = 400_000  # numbers from which on a second thread gains more than it costs


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
    stride = channels
    start = image.storage_offset()
    if not image.is_contiguous(memory_format=torch.channels_last):
        stride = image.stride(3)
        at = start % stride if stride else 0
        end = start - at + batch * rows * columns * stride
        half = (
            image.stride() == (rows * columns * stride, 1, columns * stride, stride)
            and at + channels <= stride
            and end * image.element_size() <= image.untyped_storage().nbytes()
        )
        if not half:
            return rows_of(image.contiguous(memory_format=torch.channels_last))
        start -= at
    else:
        at = 0
    length = columns * stride
    whole = image.as_strided((batch, rows, length), (rows * length, length, 1), start)
    return Rows(whole.numpy(force=True), stride, at)


def lanes_of(image: Tensor) -> int:
    """Of as many neighbouring pixels as fill vector registers and divide a row."""
    channels, columns = image.shape[1], image.shape[3]
    fold = 1
    while 2 * fold * channels <= _WIDE and columns % (2 * fold) == 0:
        fold *= 2
    return fold * channels


def parts_of(image: Tensor) -> int:
    """In how many parts the rows of such images are worked on."""
    if image.numel() < _WORTH_SHARING:
        return 1
    return max(1, min(torch.get_num_threads(), image.shape[2]))


def share(work: Callable[[int], None], parts: int) -> None:
    """Do each part's work, at the same time."""
    others = [_workers().submit(work, part) for part in range(1, parts)]
    work(0)
    for other in others:
        other.result()


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="rows")


def scratch(batch: int, parts: int, channels: int) -> NDArray[np.float64]:
    """Two numbers per part and channel."""
    return np.empty((batch, parts, 2, channels))
