"""How long somebody really looked: time without a sign of life does not count."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Tells seconds since some moment; `time.monotonic` unless a test has its own."""


class Stopwatch:
    """Adds up the gaps between signs of life, each counted as `idle_after` seconds at most.

        seconds = sum_i min(max(t_i - t_(i-1), 0), idle_after)

    A clock that jumps ahead (a suspended machine) therefore adds no more than `idle_after`, one
    that jumps back adds nothing.
    """

    def __init__(self, idle_after: float, clock: Clock = time.monotonic) -> None:
        self._limit = idle_after
        self._clock = clock
        self._counted = 0.0
        self._last = clock()
        self._paused = False

    @property
    def seconds(self) -> float:
        """Counted so far [s]."""
        return self._counted + (0.0 if self._paused else self._gap(self._clock()))

    @property
    def paused(self) -> bool:
        """Whether somebody asked for a break."""
        return self._paused

    @property
    def idle(self) -> bool:
        """Whether it has stopped by itself, for want of a sign of life."""
        return not self._paused and self._clock() - self._last >= self._limit

    def touch(self) -> None:
        """A sign of life: a key, the mouse."""
        now = self._clock()
        if not self._paused:
            self._counted += self._gap(now)
        self._last = now

    def pause(self) -> None:
        """Count nothing until `resume`."""
        self.touch()
        self._paused = True

    def resume(self) -> None:
        """Go on counting after a break."""
        self.touch()
        self._paused = False

    def restart(self) -> float:
        """Begin at zero; the seconds counted until now."""
        self.touch()
        counted, self._counted = self._counted, 0.0
        return counted

    def _gap(self, now: float) -> float:
        return min(max(now - self._last, 0.0), self._limit)
