"""Files that strangers made: only real files are opened, and no more is read than makes sense."""

import errno
from io import BufferedReader
from pathlib import Path
from stat import S_ISDIR, S_ISREG

MOST_TEXT = 1 << 28
"""Bytes of a text that is read at once, such as results or a journal."""


def open_file(path: Path) -> BufferedReader:
    """Open for reading; what might never answer or never end is refused.

    Raises:
        OSError: if it cannot be opened, or is a pipe, a device or a socket.
    """
    mode = path.stat().st_mode
    if not S_ISREG(mode) and not S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe, a device or a socket, not a file")
    return path.open("rb")


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """All of a file.

    Raises:
        OSError: as `open_file`, or if it is larger than that many bytes.
    """
    with open_file(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB")
    return content


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """All of a file in UTF-8.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: if it is no text.
    """
    return read_bytes(path, most).decode("utf-8")
