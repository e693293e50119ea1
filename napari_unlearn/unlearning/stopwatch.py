"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Part = Literal["arithmetic", "teachers", "data", "exchange", "evaluation", "files", "preparation"]
"""Forward, backward and optimiser; frozen teachers; reading samples; sums over processes; measuring
and showing; checkpoints, resume files and events; masks and edits before the first step."""


class Stopwatch:
    """Seconds by part; a part inside another one is taken off the outer's."""

    def __init__(self) -> None:
        self.seconds: dict[Part, float] = {}
        self._inner: list[float] = []

    @contextmanager
    def on(self, part: Part) -> Iterator[None]:
        """Count the block's time for a part."""
        began = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            inner = self._inner.pop()
            self.add(part, whole - inner)
            if self._inner:
                self._inner[-1] += whole

    def add(self, part: Part, seconds: float) -> None:
        """Count time that was taken elsewhere."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    @property
    def shares(self) -> dict[str, float]:
        """Of all the time that was counted, the arithmetic first; empty before any."""
        total = sum(self.seconds.values())
        ordered = sorted(self.seconds.items(), key=lambda item: (item[0] != "arithmetic", item[0]))
        return {part: spent / total for part, spent in ordered} if total else {}
