"""Low-rank adapters: a change of a network's layers in few numbers, which can be taken back."""

from collections.abc import Iterable, Mapping
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
"""Those whose weight gets an adapter."""
_MARK = "parametrizations.weight."
"""Between a layer's name and its adapter's, in the keys that torch gives an adapted layer."""


class Adapter(nn.Module):
    """W + (alpha / rank) B A  in place of a layer's weight W (Hu et al., LoRA, ICLR 2022).

    W, of any shape, counts as the matrix of its first axis by all others: one row per output
    with its kernel unfolded, or per input of a transposed convolution.

    A : (r, others), uniform in +-1 / sqrt(others) as in the paper's code, drawn from `rng`
    B : (first axis, r), zero, so that the layer answers as before until a step is taken

    with r the rank, or the shorter side of the matrix if that is less. The layer's bias stays.
    Where not every weight may move, the change is multiplied with the mask of those that may.
    """

    mask: Tensor | None

    def __init__(self, weight: Tensor, rank: int, alpha: float, rng: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        held = min(rank, rows, columns)
        drawn = (2 * torch.rand(held, columns, generator=rng) - 1) / sqrt(columns)
        self.A = nn.Parameter(drawn.to(weight))
        self.B = nn.Parameter(torch.zeros(rows, held).to(weight))
        self.scale = alpha / rank
        self.register_buffer("mask", None, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its change, in the weight's own precision even in a mixed one."""
        with torch.autocast(weight.device.type, enabled=False):
            return weight + change(self.B, self.A, self.scale, weight.shape, self.mask)


def change(
    b: Tensor, a: Tensor, scale: float, shape: Iterable[int], mask: Tensor | None = None
) -> Tensor:
    """What an adapter adds to a weight of that shape, scale * B A, or mask * scale * B A."""
    full = (scale * (b @ a)).view(tuple(shape))
    return full if mask is None else full * mask


def attach_adapters(model: nn.Module, rank: int, alpha: float, seed: int) -> None:
    """Freeze all weights of a network and give every layer an adapter that may move instead.

    The network answers as before. Batch norms, biases and single numbers get no adapter; who
    trains the network sees to it that running statistics stand still.
    """
    rng = torch.Generator().manual_seed(seed)
    model.requires_grad_(False)
    for layer in [part for part in model.modules() if isinstance(part, LAYERS)]:
        adapter = Adapter(layer.weight, rank, alpha, rng)
        parametrize.register_parametrization(layer, "weight", adapter)


def mask_adapters(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Let adapters change only weights that may move: True in the mask of that weight's name."""
    for name, adapter in adapters_of(model).items():
        mask = masks.get(name)
        adapter.mask = None if mask is None or bool(mask.all()) else mask


def adapters_of(model: nn.Module) -> dict[str, Adapter]:
    """Adapters by the weight that they change, such as "layer1.0.conv1.weight"."""
    return {
        f"{name.removesuffix(f'{_MARK}0')}weight": part
        for name, part in model.named_modules()
        if isinstance(part, Adapter)
    }


def acting_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters as the network uses them, by its own names: adapters added, differentiable."""
    return _under_own_names(model, model.named_parameters())


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict that the network would have without adapters: each is added to its weight.

    Not done in the network itself, whose copies share the classes that torch made for it.
    """
    with torch.no_grad():
        return _under_own_names(model, model.state_dict().items())


def _under_own_names(model: nn.Module, entries: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    adapters, found = adapters_of(model), {}
    for key, value in entries:
        layer, mark, part = key.partition(_MARK)
        if not mark:
            found[key] = value
        elif part == "original":
            own = f"{layer}weight"
            found[own] = adapters[own](value)
    return found
