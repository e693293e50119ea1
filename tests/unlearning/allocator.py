"""A memory of any size, for what a forward pass keeps for the backward pass."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class _Kept:
    """A tensor that the backward pass will ask for."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Allocator:
    """Counts what is kept, and refuses as a GPU does."""

    def __init__(self) -> None:
        self.now = self.most = 0
        """Bytes."""

    @contextmanager
    def limited(self, most: float) -> Iterator[None]:
        """No more than so many bytes within the block."""
        self.now = self.most = 0

        def keep(tensor: Tensor) -> _Kept:
            size = tensor.numel() * tensor.element_size()
            if self.now + size > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            self.now += size
            self.most = max(self.most, self.now)
            kept = _Kept(tensor)
            weakref.finalize(kept, self._gone, size)
            return kept

        with saved_tensors_hooks(keep, lambda kept: kept.tensor):
            yield

    def _gone(self, size: int) -> None:
        self.now -= size
