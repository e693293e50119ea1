"""What can go wrong with a file, in one sentence each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from napari_unlearn.errors import UnlearnError, reason


class ReadError(UnlearnError):
    """A file cannot be used: which, why, and what would be accepted."""


class WriteError(UnlearnError):
    """A file cannot be written: which and why."""


@contextmanager
def looking_at(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say in a sentence that a path, or a folder on the way to it, may not be looked at.

    Raises:
        ReadError: for an OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        raise ReadError(f"{os.fspath(path)}: cannot be read ({reason(error)}).") from error
