"""Several pieces of long work at once, each watched by a thread of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

from napari_unlearn.cancel import CancelToken

T = TypeVar("T")

_ENDED = object()


def side_by_side(
    works: Sequence[Callable[[CancelToken], Iterator[T]]], jobs: int, token: CancelToken
) -> Iterator[T]:
    """Do pieces of work and yield their events as they come.

    The first one that fails asks the others to stop and keep what they have; so does closing
    this generator.

    Args:
        works: in the order in which they are begun; `partial(in_child, work)` makes one that
            has a process of its own.
        jobs: how many at once.
        token: reaches all.

    Raises:
        UnlearnError: as the first work that failed, after the others have stopped.
    """
    box: SimpleQueue = SimpleQueue()

    def follow(work: Callable[[CancelToken], Iterator[T]]) -> None:
        try:
            if not token.cancelled:
                for event in work(token):
                    box.put(event)
        except BaseException as error:
            box.put(error)
        finally:
            box.put(_ENDED)

    failure: BaseException | None = None
    with ThreadPoolExecutor(jobs) as pool:
        for work in works:
            pool.submit(follow, work)
        left = len(works)
        try:
            while left:
                try:
                    event = box.get(timeout=0.2)  # short, for the sake of Ctrl-C
                except Empty:
                    continue
                if event is _ENDED:
                    left -= 1
                elif isinstance(event, BaseException):
                    failure = failure or event
                    token.cancel()
                else:
                    yield event
        finally:
            if left:
                token.cancel()
    if failure is not None:
        raise failure
