"""The bytes HDF5 is given, looked through for the one damage it cannot survive."""

import io
import os
from pathlib import Path
from urllib.parse import quote, unquote

import h5py

_HEAP = b"GCOL\x01\0\0\0"
_MOST_METADATA = 2**20
"""Larger reads are numbers, not structure [bytes]."""
_PREFIX = 16
"""Bytes before the first object of a heap, and before the content of each object."""


class GuardedFile(io.FileIO):
    """A file for h5py's file-like driver that refuses damaged heaps of text.

    A free-space object of length zero sends the HDF5 library into an endless loop inside
    C, where neither a signal nor another thread can stop it (found by fuzzing, HDF5 2.0.0);
    so the loop has to be seen in the bytes before the library sees them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(os.fspath(path), "r")
        self._path = path
        self._size = os.fstat(self.fileno()).st_size

    def __repr__(self) -> str:
        # h5py names the file by this text, and keeps ASCII only.
        return quote(os.fspath(self._path))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer; raises OSError if what was read would never end.

        A damaged index of chunks asks for more than the file holds, and gets nowhere.
        """
        if len(buffer) > self._size:
            raise OSError("a part of it claims to be larger than the file")
        count = super().readinto(buffer)
        if count <= _MOST_METADATA:
            content = bytes(memoryview(buffer)[:count])
            start = content.find(_HEAP)
            while start >= 0:
                _check_heap(content[start:])
                start = content.find(_HEAP, start + 8)
        return count


def path_of(file: h5py.File) -> str:
    """Path of a file that was opened through `GuardedFile`."""
    return unquote(file.filename)


def _check_heap(content: bytes) -> None:
    """Walk a global heap collection as the library would (HDF5 file format, III.E)."""
    declared = int.from_bytes(content[8:16], "little")
    end = min(declared, len(content))
    position = _PREFIX
    while position + _PREFIX <= end:
        index = int.from_bytes(content[position : position + 2], "little")
        size = int.from_bytes(content[position + 8 : position + 16], "little")
        step = size if index == 0 else _PREFIX + (size + 7) // 8 * 8
        if step == 0:
            raise OSError("a heap of text has an object without length")
        if position + step > declared:
            raise OSError("a heap of text has an object that does not fit into it")
        position += step
