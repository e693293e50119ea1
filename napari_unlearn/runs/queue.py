"""Several ordered unlearnings one after another, or some side by side, each in its own process."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.runs.background import Unexpected, in_child
from napari_unlearn.runs.order import Order, carry_out
from napari_unlearn.runs.side_by_side import side_by_side
from napari_unlearn.unlearning.events import Alarm, Event, Finished

Outcome = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class Told:
    """What one of the runs tells."""

    run: str
    """Its folder under runs/."""
    event: Event


@dataclass(frozen=True)
class Ended:
    """One of the runs is over; the others go on."""

    run: str
    outcome: Outcome
    sentence: str
    """What became of it, for people."""


def work_off(
    orders: Sequence[Order], token: CancelToken, *, jobs: int = 1, threads: int | None = None
) -> Generator[Told | Ended, None, None]:
    """Carry out every order and tell what happens; a failure ends its own run only.

    The token pauses, stops or aborts those that are running; a stopped queue starts no more.
    Closing this generator stops and keeps what is running.

    Args:
        orders: Carried out in this order.
        token: Looked at by all.
        jobs: How many run side by side.
        threads: CPU threads of each; None shares the cores among the jobs.

    Yields:
        One `Ended` per order, and what the runs tell before.
    """
    share = threads or max(1, (os.cpu_count() or 1) // jobs)
    works = [partial(_carry_out, order, share) for order in orders]
    started = set()
    for event in side_by_side(works, jobs, token):
        started.add(event.run)
        yield event
    for order in orders:
        if order.run not in started:
            yield Ended(order.run, "stopped", "not started.")


def _carry_out(order: Order, threads: int, token: CancelToken) -> Iterator[Told | Ended]:
    """One run from its start to its last word."""
    ended = Ended(order.run, "failed", "ended without a result.")
    remark = ""
    try:
        for event in in_child(partial(carry_out, order), token, threads=threads):
            yield Told(order.run, cast("Event", event))
            if isinstance(event, Alarm):
                remark = f" {event.message}"
            if isinstance(event, Finished):
                figures = f"{event.steps} steps in {event.seconds:.0f} s."
                outcome: Outcome = "stopped" if event.stopped else "finished"
                ended = Ended(order.run, outcome, figures + remark)
    except (UnlearnError, Unexpected) as error:
        ended = Ended(order.run, "failed", str(error))
    yield ended
