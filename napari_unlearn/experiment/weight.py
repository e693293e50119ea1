"""What a network and one of its steps take up in memory; counted, not taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

StepLoss = Callable[[nn.Module], Tensor]
"""The loss of one step, of tensors that have shapes but no numbers."""
FLOAT = 4
STATE = 4
"""Weights, gradient and Adam's two moments."""


class Weight(Protocol):
    """What a network and one of its steps take up, in bytes; a `models.memory.Memory` is one."""

    @property
    def weights(self) -> int:
        """Of the weights."""

    @property
    def state(self) -> int:
        """Of weights, gradient and Adam's moments."""

    @property
    def activations(self) -> int:
        """Of what an objective needs beside them."""


@dataclass(frozen=True)
class SliceWeight:
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
        # The backward pass computes one cascade at a time anew, and keeps that one whole.
        one, two = (self._kept(checkpointing=False, cascades=count) for count in (1, 2))
        return self._kept() + two - one

    def _build(self, **changes: Any) -> nn.Module:
        with torch.device("meta"):
            return self.architecture(**{**self.parameters, **changes})

    def _kept(self, **changes: Any) -> int:
        model = self._build(**changes)
        own = {weight.untyped_storage()._cdata for weight in model.parameters()}
        kept: dict[int, Tensor] = {}

        def note(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage()._cdata] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            self.loss(model)
        return sum(
            tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own
        )
