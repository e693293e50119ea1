"""Several pieces of work at once, each in a child process of its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from napari_unlearn.cancel import CancelToken
from napari_unlearn.runs.background import Work, in_child

_ENDED = object()


def side_by_side(
    works: Sequence[Work], jobs: int, token: CancelToken, *, threads: int | None = None
) -> Iterator[object]:
    """Do pieces of work in child processes and yield their events as they come.

    The first one that fails asks the others to stop and keep what they have; so does closing
    this generator.

    Args:
        works: as `in_child` takes them, in the order in which they are begun.
        jobs: how many at once.
        token: reaches every child.
        threads: of torch in each child.

    Raises:
        UnlearnError: as the first work that failed, after the others have stopped.
    """
    box: SimpleQueue[object] = SimpleQueue()

    def follow(work: Work) -> None:
        try:
            if not token.cancelled:
                for event in in_child(work, token, threads=threads):
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
