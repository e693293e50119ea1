"""What an objective may use beside task, model and batch: chance and frozen teachers."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.samples import Sample

Teacher = Literal["original", "untrained", "midway"]
"""The network before unlearning, a freshly drawn one that knows nothing, or the network itself as
it was when the forget objective was first asked (the engine takes that copy)."""

UNTRAINED_STREAM = 0x5EED


def nothing_to_read(name: str) -> Any:
    """There are no sets.

    Raises:
        UnlearnError: always.
    """
    raise UnlearnError(f"There is no {name} set to read a sample from.")


Draw = Callable[[torch.Generator], Tensor]
T = TypeVar("T", Tensor, tuple[Tensor, ...])


class Told(Protocol):
    """Asks frozen teachers, without gradients; may answer from memory."""

    def __call__(self, question: str, sample: Sample, answer: Callable[[], T]) -> T:
        """What is asked, about which sample, and how it is answered."""


def each_time(make: Draw) -> Tensor:
    """Keep nothing."""
    return make(torch.Generator().manual_seed(0))


def ask_each_time(question: str, sample: Sample, answer: Callable[[], T]) -> T:
    """Keep nothing."""
    with torch.no_grad():
        return answer()


@dataclass(frozen=True)
class Context:
    """One step's random numbers, the networks that never change, samples of other sets."""

    rng: torch.Generator
    teachers: Mapping[Teacher, nn.Module] = field(default_factory=dict)
    """Those that the strategy asked for, in evaluation mode, without gradients."""
    read: Callable[[str], Any] = nothing_to_read
    """The step's sample of the "retain", "forget" or "unseen" set, on the device."""
    once: Callable[[Draw], Tensor] = each_time
    """What a function makes of the step's forget sample, made the first time that sample comes and
    kept: for samples that are the same in every step, as volumes are. Its random numbers are the
    sample's own, so that a resumed run makes the same again."""
    told: Told = ask_each_time
    """What frozen teachers make of a sample. The same question about a sample that `read` gave,
    with the same mask, is answered from memory while there is room."""


def make_teachers(
    names: Iterable[Teacher],
    original: nn.Module,
    architecture: str,
    parameters: Mapping[str, int | float | bool | str],
    seed: int,
) -> dict[Teacher, nn.Module]:
    """Frozen networks by name: a copy of the original, a new one drawn from the seed.

    The new one is drawn from another stream than the loop's own start weights, so that it is
    not what the original grew from.
    """
    made: dict[Teacher, nn.Module] = {}
    for name in names:
        if name == "midway":
            continue
        if name == "original":
            teacher = deepcopy(original)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed ^ UNTRAINED_STREAM)
                teacher = build(architecture, dict(parameters))
        made[name] = teacher.eval().requires_grad_(False)
    return made
