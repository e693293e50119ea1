"""Several ordered unlearnings one after another, or some side by side, each in its own process."""

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal, cast

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.runs.background import Unexpected, in_child
from napari_unlearn.runs.order import Order, carry_out
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
    told: SimpleQueue[Told | Ended] = SimpleQueue()
    left = len(orders)
    with ThreadPoolExecutor(jobs, thread_name_prefix="queue") as pool:
        try:
            for order in orders:
                pool.submit(_carry_out, order, token, share, told)
            while left:
                try:
                    event = told.get(timeout=0.2)  # short, for the sake of Ctrl-C
                except Empty:
                    continue
                left -= isinstance(event, Ended)
                yield event
        finally:
            if left:
                token.cancel()


def _carry_out(
    order: Order, token: CancelToken, threads: int, told: SimpleQueue[Told | Ended]
) -> None:
    """One run from its start to its last word, in a thread that only listens."""
    if token.cancelled:
        told.put(Ended(order.run, "stopped", "not started."))
        return
    ended = Ended(order.run, "failed", "ended without a result.")
    remark = ""
    try:
        for event in in_child(partial(carry_out, order), token, threads=threads):
            told.put(Told(order.run, cast("Event", event)))
            if isinstance(event, Alarm):
                remark = f" {event.message}"
            if isinstance(event, Finished):
                figures = f"{event.steps} steps in {event.seconds:.0f} s."
                outcome: Outcome = "stopped" if event.stopped else "finished"
                ended = Ended(order.run, outcome, figures + remark)
    except (UnlearnError, Unexpected) as error:
        ended = Ended(order.run, "failed", str(error))
    finally:
        told.put(ended)
