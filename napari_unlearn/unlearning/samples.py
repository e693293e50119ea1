"""What the loop asks of samples, be they slices of scans or whole labelled volumes."""

from collections.abc import Iterator
from typing import Any, Protocol, Self

import torch
from torch import Tensor


class Sample(Protocol):
    """What one step sees; only its task looks inside."""

    @property
    def target(self) -> Tensor:
        """What a model should answer."""

    @property
    def drawn(self) -> bytes:
        """What was drawn for it beside its place in its set, such as a mask.

        Two samples of one place that agree in this are the same to a network.
        """

    def to(self, device: torch.device) -> Self:
        """The same on another device."""

    def with_target(self, target: Tensor) -> Self:
        """The same input with another target."""


class SampleSet(Protocol):
    """Samples addressed by one number, read when asked for."""

    def __len__(self) -> int:
        """How many there are."""

    def batch(self, place: int, seed: int | None = None) -> Any:
        """One sample; `seed` is that of whatever is drawn for it, None the same every time."""

    @property
    def lines(self) -> Iterator[str]:
        """One line of text per sample, by which a run knows its data again."""

    @property
    def about(self) -> dict[str, Any]:
        """What a card says of the data."""
