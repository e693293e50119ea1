"""What frozen teachers have said, so that nobody asks them twice."""

import os
from collections.abc import Callable, Hashable
from typing import cast

import torch
from torch import Tensor

from napari_unlearn.models.device import free_memory
from napari_unlearn.recent import Recent
from napari_unlearn.unlearning.context import T

SHARE = 0.25
"""Of the main memory that is free when a run begins."""


class Answers:
    """Keeps answers in main memory, as many as there is room for; forgotten ones are made anew.

    Args:
        device: Where they are wanted.
        most: Bytes; None takes `SHARE` of what is free, shared by the processes of this machine.
    """

    def __init__(self, device: torch.device, most: int | None = None) -> None:
        self.device = device
        if most is None:
            beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            most = int(SHARE * free_memory(torch.device("cpu"))) // beside
        self._kept: Recent[Tensor | tuple[Tensor, ...]] = Recent(most, _size)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made under a key, or is made now; without gradients."""
        found = self._kept.get(key, lambda: _at(make(), torch.device("cpu")))
        return cast(T, _at(found, self.device))


def _at(value: Tensor | tuple[Tensor, ...], device: torch.device) -> Tensor | tuple[Tensor, ...]:
    if isinstance(value, Tensor):
        return value.detach().to(device)
    return tuple(part.detach().to(device) for part in value)


def _size(value: Tensor | tuple[Tensor, ...]) -> int:
    parts = (value,) if isinstance(value, Tensor) else value
    return sum(part.nbytes for part in parts)
