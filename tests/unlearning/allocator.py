"""A memory of any size, for what a forward pass keeps for the backward pass."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules.module import register_module_forward_pre_hook


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
        """No layer begins within the block while more than so many bytes are kept."""
        gc.collect()
        self.now = self.most = 0

        def keep(tensor: Tensor) -> _Kept:
            size = tensor.numel() * tensor.element_size()
            self.now += size
            self.most = max(self.most, self.now)
            kept = _Kept(tensor.detach())  # an output would keep its own graph alive
            weakref.finalize(kept, self._gone, size)
            return kept

        def look(*_: object) -> None:
            # Not in `keep`: a node whose tensors were refused would never be freed.
            if self.now > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        handle = register_module_forward_pre_hook(look)
        try:
            with saved_tensors_hooks(keep, lambda kept: kept.tensor):
                yield
        finally:
            handle.remove()

    def _gone(self, size: int) -> None:
        self.now -= size


@contextmanager
def no_memory() -> Iterator[None]:
    """No layer begins within the block."""

    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    handle = register_module_forward_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()
