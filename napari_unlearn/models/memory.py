"""Memory that a network will take, counted on tensors that have shapes but no numbers."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MIXED = ("bf16-mixed", "16-mixed")
"""Precisions, as Lightning Fabric names them, that compute in two bytes and keep weights in four;
a CPU computes both in bfloat16."""
MARGIN = 1.4
"""A process takes at most so many times what is counted: 1.04 to 1.34 on a CPU with a 3D ResNet-50
at full size. Allocator and oneDNN keep copies that no count of tensors sees."""
MOMENTS = 2
"""Tensors that Adam keeps per weight."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a network and one pass or step of it take up."""

    weights: int
    """Running statistics of the norms among them."""
    activations: int
    """Whatever else there is at the fullest moment, beyond the gradients."""
    gradients: int = 0
    """0 without training, as are the moments."""
    moments: int = 0
    """Adam's."""

    @property
    def state(self) -> int:
        """What stays from step to step."""
        return self.weights + self.gradients + self.moments

    @property
    def total(self) -> int:
        """All of it."""
        return self.state + self.activations


def forward_memory(
    build: Callable[[], nn.Module], shape: tuple[int, ...], precision: str = "32-true"
) -> Memory:
    """What one forward pass without gradients takes.

    Args:
        build: Makes the network; nothing is allocated for its weights.
        shape: Of the network's input, (batch, channels, ...).
        precision: As Lightning Fabric names it.
    """
    with _without_numbers(build, precision) as (model, weights), Tally() as tally, torch.no_grad():
        model.eval()
        model(torch.empty(shape))
    return Memory(weights, tally.most)


def step_memory(
    build: Callable[[], nn.Module],
    loss: Callable[[nn.Module], Tensor],
    precision: str = "32-true",
) -> Memory:
    """What one training step takes: the pass forwards, the pass backwards, Adam.

    Args:
        build: Makes the network; nothing is allocated for its weights.
        loss: Makes a batch, which has no numbers either, and the network's loss on it.
        precision: As Lightning Fabric names it.
    """
    with _without_numbers(build, precision) as (model, weights), Tally() as tally:
        loss(model.train()).backward()
    learnt = sum(_size(weight) for weight in model.parameters())
    return Memory(weights, max(0, tally.most - learnt), learnt, MOMENTS * learnt)


class Tally(TorchDispatchMode):
    """Adds up what is allocated inside the block, and what of it is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        """Bytes that are in use."""
        self.most = 0
        """Bytes that were in use at the fullest moment."""
        self._living: set[int] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        self.most = max(self.most, self.now)
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        name, size = storage._cdata, storage.nbytes()
        if name in self._living:  # a view, or a result written in place
            return
        self._living.add(name)
        self.now += size
        weakref.finalize(storage, self._forget, name, size)

    def _forget(self, name: int, size: int) -> None:
        self._living.discard(name)
        self.now -= size


class _Mixed(nn.Module):
    """Computes as Fabric's mixed precision does: what goes in and comes out is float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *arguments: Any, **options: Any) -> Tensor:
        """As the network."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.model(*arguments, **options).float()


@contextmanager
def _without_numbers(
    build: Callable[[], nn.Module], precision: str
) -> Iterator[tuple[nn.Module, int]]:
    """A network in a world of tensors that only say what they would be; bytes of its weights."""
    with FakeTensorMode():
        model = build()
        weights = sum(_size(value) for value in model.state_dict().values())
        yield (_Mixed(model) if precision in MIXED else model), weights


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def amount(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
