"""What was made last, kept while there is room for it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps values by key; those that were not asked for longest go first.

    Args:
        most: Bytes of all that is kept.
        size: Bytes of a value.
        last: Whether the last value stays even if it alone is larger than `most`.
    """

    def __init__(self, most: int, size: Callable[[T], int], last: bool = False) -> None:
        self.most, self.size, self.last = most, size, last
        self.bytes = 0
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under a key, or is made now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()  # outside the lock: it may take long, and twice does no harm
        size = self.size(made)
        if size > self.most and not self.last:
            return made
        with self._lock:
            if key not in self._kept:
                self.bytes += size
            self._kept[key] = made
            while self.bytes > self.most and len(self._kept) > 1:
                self.bytes -= self.size(self._kept.popitem(last=False)[1])
        return made
