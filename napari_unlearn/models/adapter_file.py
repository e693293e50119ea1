"""The file in which low-rank adapters lie apart from the network that they change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import open_file
from napari_unlearn.errors import reason, shortened
from napari_unlearn.models.blueprint import blueprint
from napari_unlearn.models.card import Card
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.lora import adapters_of, change

ADAPTERS = "adapters.safetensors"
_DAMAGE = (
    *(SafetensorError, OSError, RuntimeError, ValueError, TypeError, AttributeError),
    *(MemoryError, OverflowError),
)


class AdapterCard(BaseModel):
    """Where adapters come from and what they lead to; JSON in the file's header."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parent: str
    """SHA-256 of the checkpoint that they were learnt on."""
    merged: str
    """SHA-256 of the checkpoint that holds that parent with them."""
    strategy: str
    rank: int = Field(ge=1)
    alpha: float = Field(gt=0, allow_inf_nan=False)
    before: Card
    """The parent's card."""
    after: Card
    """The card of the parent with them."""


@dataclass(frozen=True)
class Layer:
    """One layer's adapter in figures."""

    weight: str
    """Name of the weight that it changes."""
    rank: int
    parameters: int
    norm: float
    """Of the change, (sum of squares)^1/2."""


@dataclass(frozen=True)
class Adapters:
    """Low-rank changes of a network's weights."""

    card: AdapterCard
    factors: Mapping[str, tuple[Tensor, Tensor]]
    """B (first axis, r) and A (r, others) by the name of the weight."""
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """True where the weight may change; of weights that may not change everywhere."""

    @classmethod
    def of(cls, model: nn.Module, card: AdapterCard) -> "Adapters":
        """Those of a network; one that changes nothing, as it was not allowed to, is left out."""
        found = {name: own for name, own in adapters_of(model).items() if bool(own.B.any())}
        return cls(
            card,
            {name: (own.B.detach().cpu(), own.A.detach().cpu()) for name, own in found.items()},
            {name: own.mask.cpu() for name, own in found.items() if own.mask is not None},
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What they are, layer by layer."""
        found = []
        for name, (b, a) in self.factors.items():
            shape = self.masks[name].shape if name in self.masks else (len(b), a.shape[1])
            norm = float(torch.linalg.vector_norm(self._change(name, shape)))
            found.append(Layer(name, len(a), a.numel() + b.numel(), norm))
        return tuple(found)

    @property
    def network_parameters(self) -> int:
        """How many parameters the network has that they belong to.

        Raises:
            ModelError: if the card describes none.
        """
        network = blueprint(self.card.before.architecture, self.card.before.parameters)
        return sum(weight.numel() for weight in network.parameters())

    def added_to(self, weights: Mapping[str, Tensor], times: int = 1) -> dict[str, Tensor]:
        """A network's state dict with the changes, or with `times` -1 without them again.

        Raises:
            ModelError: if a change fits no weight.
        """
        result = dict(weights)
        for name, (b, a) in self.factors.items():
            weight = weights.get(name)
            matrix = None if weight is None or weight.ndim < 2 else weight.flatten(1).shape
            if weight is None or matrix != (len(b), a.shape[1]):
                raise ModelError(f"The adapter of '{name}' fits no weight of this network.")
            result[name] = weight + times * self._change(name, weight.shape)
        return result

    def _change(self, name: str, shape: Iterable[int]) -> Tensor:
        scale = self.card.alpha / self.card.rank
        return change(*self.factors[name], scale, shape, self.masks.get(name))


def save_adapters(path: Path, adapters: Adapters) -> None:
    """Write adapters whole or not at all, about rank * (rows + columns) numbers per layer.

    Raises:
        UnlearnError: The folder cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, (b, a) in adapters.factors.items():
        tensors |= {f"{name}.A": a.contiguous(), f"{name}.B": b.contiguous()}
    for name, mask in adapters.masks.items():
        tensors[f"{name}.mask"] = torch.from_numpy(np.packbits(mask.numpy()))
        tensors[f"{name}.shape"] = torch.tensor(mask.shape)
    write_whole(path, save(tensors, metadata={"adapters": adapters.card.model_dump_json()}))


def load_adapters(path: Path) -> Adapters:
    """Read adapters; nothing in the file is executed.

    Raises:
        ModelError: if the file is no whole file of adapters.
    """
    try:
        open_file(path).close()
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("adapters")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except _DAMAGE as error:
        raise ModelError(f"{path}: no whole file of adapters ({reason(error)}).") from error
    if text is None:
        raise ModelError(f"{path}: holds no adapters; accepted: the {ADAPTERS} of a run.")
    try:
        card = AdapterCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "text"
        raise ModelError(f"{path}: unusable card of adapters ({where}: {first['msg']}).") from error
    factors, masks = {}, {}
    for name in sorted({key.rpartition(".")[0] for key in tensors}):
        b, a = tensors.pop(f"{name}.B", None), tensors.pop(f"{name}.A", None)
        if b is None or a is None or b.ndim != 2 or a.ndim != 2 or b.shape[1] != len(a):
            raise ModelError(f"{path}: the adapter of '{shortened(name)}' is not whole.")
        factors[name] = (b.float(), a.float())
        if f"{name}.mask" in tensors:
            masks[name] = _unpacked(path, name, tensors, b.shape[0] * a.shape[1])
    return Adapters(card, factors, masks)


def _unpacked(path: Path, name: str, tensors: Mapping[str, Tensor], count: int) -> Tensor:
    try:
        packed, shape = tensors[f"{name}.mask"].numpy(), tensors[f"{name}.shape"].tolist()
        return torch.from_numpy(np.unpackbits(packed, count=count)).bool().view(shape)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: the mask of '{shortened(name)}' is not whole.") from error
