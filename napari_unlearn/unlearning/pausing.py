"""How long work waits when asked to."""

from collections.abc import Callable, Iterator

from napari_unlearn.cancel import CancelToken
from napari_unlearn.unlearning.events import Paused


def wait_if_paused(
    cancel: CancelToken, step: int, save: Callable[[], None] | None = None
) -> Iterator[Paused]:
    """Sleep as long as the token says so; nothing is yielded if it does not.

    Args:
        cancel: The token; cancelling it ends the wait, and then no `resumed` is told.
        step: What the events say.
        save: Called first, so that a machine may be switched off meanwhile.
    """
    if not cancel.paused:
        return
    if save is not None:
        save()
    yield Paused(step)
    cancel.wait_while_paused()
    if not cancel.cancelled:
        yield Paused(step, resumed=True)
