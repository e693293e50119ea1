"""Writing HDF5 to a disk that may be full."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

import h5py

from napari_unlearn.atomic import replacing


class Draft(io.FileIO):
    """A file for h5py's file-like driver that takes everything and tells later what was refused.

    The HDF5 library cannot close a file whose last bytes the disk refuses; what it keeps of
    such a file crashes the process when another one is closed (seen with HDF5 2.0.0).
    """

    def __init__(self, path: Path) -> None:
        super().__init__(os.fspath(path), "w+")
        self.refused: OSError | None = None
        """Why the file is not whole."""
        self._end = 0

    def write(self, data: Any) -> int:
        """Write all of it, or pretend to."""
        place, content = self.tell(), memoryview(data).cast("B")
        try:
            if super().write(content) != len(content):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        except OSError as error:
            self.refused = self.refused or error
            super().seek(place + len(content))
        self._end = max(self._end, place + len(content))
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; the end is where it would be if nothing had been refused."""
        return super().seek(offset + (self._end if whence == os.SEEK_END else 0), *_from(whence))

    def truncate(self, size: int | None = None, /) -> int:
        """Cut off or grow, or pretend to."""
        self._end = self.tell() if size is None else size
        try:
            return super().truncate(self._end)
        except OSError as error:
            self.refused = self.refused or error
            return self._end

    def readinto(self, buffer: Any, /) -> int:  # type: ignore[override]
        """Read back; what was refused reads as zeros."""
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        if self.refused is not None and count < len(view):
            view[count:] = bytes(len(view) - count)
            count = len(view)
        return count


def _from(whence: int) -> tuple[int, ...]:
    return (os.SEEK_SET,) if whence == os.SEEK_END else (whence,)


@contextmanager
def create_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file that appears whole once the block is over, or not at all.

    Raises:
        UnlearnError: if the folder cannot be made or written to, or the disk is full.
    """
    with replacing(path) as temporary:
        with Draft(temporary) as draft:
            with h5py.File(draft, "w") as file:
                yield file
            refused = draft.refused
        if refused is not None:
            raise refused
