"""What a network and one of its steps take up in memory; counted, not taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from napari_unlearn.models.med3d import Layer

StepLoss = Callable[[nn.Module], Tensor]
"""The loss of one step, of tensors that have shapes but no numbers."""
FLOAT = 4
STATE = 4
"""Weights, gradient and Adam's two moments."""


@dataclass(frozen=True)
class Weight:
    """What a network and one of its steps take up; nothing is allocated to find out.

    The network is built on torch's "meta" device, where tensors have shapes but no numbers,
    and one forward pass there tells which tensors the backward pass will need.
    """

    architecture: type[nn.Module]
    parameters: Mapping[str, Any]
    loss: StepLoss
    """Of the largest sample."""

    @cached_property
    def weights(self) -> int:
        """Bytes of the weights in float32."""
        return sum(FLOAT * weight.numel() for weight in self._build().parameters())

    @property
    def state(self) -> int:
        """Bytes of weights, gradient and Adam's moments."""
        return STATE * self.weights

    @cached_property
    def activations(self) -> int:
        """Bytes kept between the forward and the backward pass over one sample, in float32."""
        if not self.parameters.get("checkpointing"):
            return self._kept()
        whole = self._build(checkpointing=False)
        blocks = [block for part in whole.modules() if isinstance(part, Layer) for block in part]
        if blocks:
            return self._kept_block_by_block(whole, blocks)
        # The backward pass computes one cascade at a time anew, and keeps that one whole.
        one, two = (self._kept(checkpointing=False, cascades=count) for count in (1, 2))
        return self._kept() + two - one

    def _build(self, **changes: Any) -> nn.Module:
        with torch.device("meta"):
            return self.architecture(**{**self.parameters, **changes})

    def _kept(self, **changes: Any) -> int:
        model = self._build(**changes)
        seen = _Seen(model)
        with torch.autograd.graph.saved_tensors_hooks(seen.note, lambda tensor: tensor):
            self.loss(model)
        return seen.size(set(seen.tensors))

    def _kept_block_by_block(self, model: nn.Module, blocks: list[nn.Module]) -> int:
        """What is kept if of every block only its input is, and one is computed anew at a time."""
        seen = _Seen(model)
        held: set[int] = set()
        inside: list[set[int]] = []
        here: list[set[int]] = [held]

        def enter(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            held.add(seen.key(arguments[0]))
            inside.append(set())
            here.append(inside[-1])

        def leave(*_: object) -> None:
            here.pop()

        def note(tensor: Tensor) -> Tensor:
            here[-1].add(seen.key(tensor))
            return tensor

        for block in blocks:
            block.register_forward_pre_hook(enter)
            block.register_forward_hook(leave)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            self.loss(model)
        return max(seen.size(held | kept) for kept in inside)


class _Seen:
    """Tensors by the storage that they share; those of a network's weights count for nothing."""

    def __init__(self, model: nn.Module) -> None:
        self.own = {weight.untyped_storage()._cdata for weight in model.parameters()}
        self.tensors: dict[int, Tensor] = {}
        """Kept alive, or another tensor might get the same key."""

    def key(self, tensor: Tensor) -> int:
        """Of the tensor's storage."""
        key = tensor.untyped_storage()._cdata
        self.tensors[key] = tensor
        return key

    def note(self, tensor: Tensor) -> Tensor:
        """As autograd asks what to keep of a tensor: itself."""
        self.key(tensor)
        return tensor

    def size(self, keys: set[int]) -> int:
        """Bytes of these storages."""
        return sum(
            self.tensors[key].untyped_storage().nbytes() for key in keys if key not in self.own
        )
