"""Which weights a strategy may move."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

import torch
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.lora import attach_adapters
from napari_unlearn.unlearning.bench import Bench
from napari_unlearn.unlearning.importance import Passes, fisher, mean_gradient
from napari_unlearn.unlearning.parameters import Range


class Scope(Protocol):
    """One boolean mask per parameter, drawn up at the original's weights.

    The loop sets the gradient of every masked-out weight to zero from the first step on and
    before clipping. Adam's moments of such a weight are then exactly zero, and so is its step.
    Of adapters the change is masked instead, and with it the gradient.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """Sets it looks at: "forget", "retain"."""
        return ()

    def passes(self, bench: Bench) -> int:
        """How often it will yield."""
        return 0

    def masks(self, bench: Bench) -> Passes:
        """Work the masks out; True may move. Yields after each pass over a sample."""


@dataclass(frozen=True)
class Salient(Scope):
    """Move only the weights that matter most for the forget set (SalUn).

    s = |dJ_f/dtheta|            by default, J_f the mean loss over the forget set
    s = F_f / F_r                with `fisher_ratio` 1, diagonal Fisher information per set

    The `share` of all weights with the largest s may move; weights without any influence on
    the forget set come last.

    Fan et al., SalUn, ICLR 2024 (which takes the first form and half of the weights).
    """

    share: Annotated[float, Range(0, 1, "of all weights")] = 0.5
    fisher_ratio: Annotated[int, Range(0, 1, "0: |gradient|, 1: Fisher ratio")] = 0

    @property
    def reads(self) -> tuple[str, ...]:
        """The ratio compares with the retain set."""
        return ("forget", "retain") if self.fisher_ratio else ("forget",)

    def passes(self, bench: Bench) -> int:
        """One per sample of the sets it reads."""
        return sum(bench.sets[name].count for name in self.reads)

    def masks(self, bench: Bench) -> Passes:
        """Rank all weights together, not layer by layer."""
        saliency = yield from self._saliency(bench)
        return most_salient(saliency, self.share)

    def _saliency(self, bench: Bench) -> Generator[None, None, dict[str, Tensor]]:
        if not self.fisher_ratio:
            gradient = yield from mean_gradient(bench, "forget")
            return {name: value.abs() for name, value in gradient.items()}
        forget = yield from fisher(bench, "forget")
        retain = yield from fisher(bench, "retain")
        # The smallest normal number keeps 0 / 0 at 0 and x / 0 first in the ranking.
        tiny = torch.finfo(torch.float32).tiny
        return {name: forget[name] / retain[name].clamp_min(tiny) for name in forget}


@dataclass(frozen=True)
class FixDecoder(Scope):
    """With `fix_decoder` 1 only the encoder moves; 0 lets all weights move.

    Running statistics are no weights: those of the decoder's batch norms stand still if the
    task freezes statistics.
    """

    fix_decoder: Annotated[int, Range(0, 1, "0: all weights move, 1: the encoder's")] = 0

    def masks(self, bench: Bench) -> Passes:
        """False for every weight of what the network calls its decoder.

        Raises:
            UnlearnError: if it names none.
        """
        yield from ()
        if not self.fix_decoder:
            return {}
        decoder = getattr(bench.model, "decoder", None)
        if decoder is None:
            raise UnlearnError("This network names no decoder that could be fixed.")
        fixed = {id(weight) for weight in cast(nn.Module, decoder).parameters()}
        return {
            name: torch.full_like(weight, id(weight) not in fixed, dtype=torch.bool)
            for name, weight in bench.weights.items()
        }


@dataclass(frozen=True)
class LowRank:
    """With `lora_rank` above 0 only low-rank adapters of the layers move, with 0 the weights.

    W + (lora_alpha / lora_rank) B A,  W the original's, A drawn from the seed, B zero at first

    Combines with any scope: the change is then M * (lora_alpha / lora_rank) B A with the scope's
    mask M. What was learnt can be taken off again, as the original's weights stay beside it.

    Hu et al., LoRA, ICLR 2022.
    """

    lora_rank: Annotated[int, Range(0, 256, "of the adapters; 0: none")] = 0
    lora_alpha: Annotated[float, Range(0.1, 1000, "their weight; is divided by the rank")] = 16.0

    def attach(self, model: nn.Module, seed: int) -> None:
        """Freeze the network's weights and give its layers adapters, if there are to be any."""
        if self.lora_rank:
            attach_adapters(model, self.lora_rank, self.lora_alpha, seed)


def most_salient(saliency: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """True for exactly round(share * count) weights; of equals, the earlier ones."""
    flat = torch.cat([value.flatten() for value in saliency.values()])
    chosen = torch.zeros(flat.shape, dtype=torch.bool, device=flat.device)
    order = torch.argsort(flat, descending=True, stable=True)
    chosen[order[: round(share * flat.numel())]] = True
    parts = chosen.split([value.numel() for value in saliency.values()])
    return {
        name: part.view(value.shape)
        for (name, value), part in zip(saliency.items(), parts, strict=True)
    }
