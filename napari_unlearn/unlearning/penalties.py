"""What a strategy asks of the weights themselves."""

from dataclasses import dataclass
from typing import Annotated, Protocol

import torch
from torch import Tensor, nn

from napari_unlearn.models.lora import acting_weights
from napari_unlearn.unlearning.parameters import Range


class Penalty(Protocol):
    """A loss over the weights, added while the strategy forgets (weighted like its objective)."""

    def loss(self, model: nn.Module) -> Tensor:
        """The scalar to minimise."""


@dataclass(frozen=True)
class L1(Penalty):
    """Draw all weights towards zero.

    loss = gamma * sum |theta|,  gradient gamma * sign(theta)

    The sum grows with the network, so a `gamma` suits one size of network.
    """

    gamma: Annotated[float, Range(0, 1, "per unit of weight; 1 is what the released code does")] = (
        1e-5
    )

    def loss(self, model: nn.Module) -> Tensor:
        """The weighted sum of magnitudes over all parameters, as adapters leave them."""
        sums = [weight.abs().sum() for weight in acting_weights(model).values()]
        return self.gamma * torch.stack(sums).sum()
