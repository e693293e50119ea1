"""What happens between the original and the first step: masks drawn up, weights edited."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from math import ceil

from torch import Tensor

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.bench import Bench
from napari_unlearn.unlearning.events import Paused, Preparing
from napari_unlearn.unlearning.pausing import wait_if_paused
from napari_unlearn.unlearning.strategy import Strategy

EVENT_SECONDS = 0.1
ENDED = object()


@dataclass(frozen=True)
class Prepared:
    """Masks and cost of a preparation."""

    masks: dict[str, Tensor]
    """By parameter, True may move; empty if all may."""
    passes: int
    """In steps' worth of work: forward and backward over one sample."""
    seconds: float


def prepare(
    strategy: Strategy, bench: Bench, cancel: CancelToken
) -> Generator[Preparing | Paused, None, Prepared | None]:
    """Draw up the scope's masks at the original's weights, then edit them.

    A scope restrains the steps, not the edit.

    Returns:
        None if cancelled; the weights are then good for nothing.

    Raises:
        UnlearnError: if the edit leaves weights that are not finite.
    """
    scope, edit = strategy.scope, strategy.edit
    total = sum(part.passes(bench) for part in (scope, edit) if part is not None)
    masks: dict[str, Tensor] = {}
    done, told, seconds = 0, 0.0, 0.0
    work = _work(strategy, bench, masks)
    while True:
        yield from wait_if_paused(cancel, 0)
        if cancel.cancelled:
            break
        began = time.perf_counter()
        ended = next(work, ENDED) is ENDED
        seconds += time.perf_counter() - began
        if ended:
            if not all(bool(weight.isfinite().all()) for weight in bench.weights.values()):
                raise UnlearnError(
                    f"The edit of '{strategy.title}' leaves weights that are not finite; "
                    "milder parameters keep them finite."
                )
            return Prepared(masks, _work_done(strategy, bench), seconds)
        done += 1
        if time.monotonic() - told >= EVENT_SECONDS or done == total:
            told = time.monotonic()
            yield Preparing(done, total, seconds)
    return None


def _work_done(strategy: Strategy, bench: Bench) -> int:
    scope, edit = strategy.scope, strategy.edit
    work = 0.0 if scope is None else float(scope.passes(bench))
    return ceil(work if edit is None else work + edit.pass_work * edit.passes(bench))


def _work(
    strategy: Strategy, bench: Bench, masks: dict[str, Tensor]
) -> Generator[None, None, None]:
    """Yields after each pass; fills `masks`."""
    if strategy.scope is not None:
        masks.update((yield from strategy.scope.masks(bench)))
    if strategy.edit is not None:
        yield from strategy.edit.apply(bench)


def restrain(bench: Bench, masks: dict[str, Tensor]) -> None:
    """Take the gradient from every weight that may not move."""
    for name, mask in masks.items():
        gradient = bench.weights[name].grad
        if gradient is not None:
            gradient.masked_fill_(~mask, 0)
