"""How a window or a terminal asks long work to wait or to stop, from another thread or process."""

import threading
from collections.abc import Callable
from typing import Protocol

from napari_unlearn.errors import Cancelled


class Flag(Protocol):
    """What `threading.Event` and `multiprocessing.Event` have in common."""

    def set(self) -> None:
        """Raise the flag."""

    def clear(self) -> None:
        """Lower the flag."""

    def is_set(self) -> bool:
        """Whether it is up."""

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it is up, or the seconds are over."""


class CancelToken:
    """Flags that long work looks at between two small steps.

    Args:
        make_flag: `threading.Event`, or a multiprocessing context's `Event` to reach a child.
    """

    def __init__(self, make_flag: Callable[[], Flag] = threading.Event) -> None:
        self._cancelled, self._aborted, self._running = make_flag(), make_flag(), make_flag()
        self._running.set()

    def cancel(self) -> None:
        """Ask the work to stop at its next look and to keep what it has."""
        self._cancelled.set()
        self._running.set()

    def abort(self) -> None:
        """Ask the work to stop at its next look and to throw away what it has."""
        self._aborted.set()
        self.cancel()

    def pause(self) -> None:
        """Ask the work to wait at its next look."""
        if not self.cancelled:
            self._running.clear()

    def resume(self) -> None:
        """Let the work go on."""
        self._running.set()

    @property
    def cancelled(self) -> bool:
        """Whether someone asked the work to stop, aborted or not."""
        return self._cancelled.is_set()

    @property
    def aborted(self) -> bool:
        """Whether someone asked to throw the work away."""
        return self._aborted.is_set()

    @property
    def paused(self) -> bool:
        """Whether the work is to wait."""
        return not self._running.is_set()

    def wait_while_paused(self) -> None:
        """Sleep until the work may go on or must stop."""
        self._running.wait()

    def check(self) -> None:
        """Raise `Cancelled` if someone asked the work to stop."""
        if self.cancelled:
            raise Cancelled("Cancelled.")
