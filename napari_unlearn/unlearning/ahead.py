"""The next sample of each set, read while the present one is computed on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Ahead:
    """Reads one sample per set ahead, in a thread: never more than that is kept.

    Args:
        read: A set's sample by its number.
    """

    def __init__(self, read: Callable[[str, int], Any]) -> None:
        self._read = read
        self._coming: dict[str, tuple[int, Future]] = {}
        self._pool = ThreadPoolExecutor(1, "reader")

    def get(self, name: str, number: int, following: int | None) -> Any:
        """A sample; the one that follows is begun, unless there is none.

        Raises:
            UnlearnError: as reading it.
        """
        coming = self._coming.pop(name, None)
        if coming is not None and coming[0] == number:
            sample = coming[1].result()
        else:
            sample = self._read(name, number)
        if following is not None:
            self._coming[name] = following, self._pool.submit(self._read, name, following)
        return sample
