"""One process at a time works on a run."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_unlearn.errors import UnlearnError, reason

LOCK = ".lock"
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What disks say that know no locks, as some of clusters."""


@contextmanager
def claimed(folder: Path | None) -> Iterator[None]:
    """Keep a run's folder to oneself; a process that dies gives it back.

    Where the disk knows no locks, nothing is kept.

    Raises:
        UnlearnError: if another process, or another job of this one, is at work there.
    """
    if folder is None:
        yield
        return
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UnlearnError(
            f"{folder}: another process is at work on this run; wait until it is done, or choose "
            "another name with --name."
        ) from None
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise UnlearnError(f"{folder}: cannot be written ({reason(error)}).") from error
    try:
        yield
    finally:
        lock.release()
