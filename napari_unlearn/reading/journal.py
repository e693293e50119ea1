"""What a reader said, one line per judgement, on disk before it counts.

A journal is only ever added to. Its last line about a judgement is the one that holds; a line
without a score says that the judgement is open (again).
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from napari_unlearn.bounded import read_bytes
from napari_unlearn.errors import reason
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.judgement import HEAD, Judgement, cells_of, judgement_of, line_of
from napari_unlearn.reading.names import same_reader, unguarded


@dataclass(frozen=True)
class Written:
    """A journal as it stands on disk."""

    study: str
    """Fingerprint of the study that was read; empty if nothing was judged yet."""
    reader: str
    judgements: tuple[Judgement, ...]
    size: int
    """Bytes up to the end of the last whole line."""
    torn: bool
    """Whether something follows that is no whole line."""
    ended: bool
    """Whether the last whole line ends in a newline."""


class Journal:
    """A reader's file, open to be added to; nobody else can open it meanwhile."""

    def __init__(self, path: Path, study: str, reader: str) -> None:
        """Lock a journal, repair it if a crash tore its last line, and read it.

        Args:
            path: Of the file; its folder is made.
            study: The study's fingerprint, part of every line.
            reader: The reader's name, part of every line.

        Raises:
            ReadingError: if it is in use, cannot be written, is damaged, or is about another
                study or reader.
        """
        self._path, self._study = path, study
        self._lock = FileLock(path.with_name(f".{path.stem}.lock"), thread_local=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ReadingError(
                f"{reader} is reading this study already, in another window or on another "
                "machine; close that one first, or read under another name."
            ) from None
        except (OSError, NotImplementedError) as error:
            raise ReadingError(
                f"{path}: cannot be locked ({error}); a study needs a folder that can be written."
            ) from error
        try:
            written = read_journal(path) if path.exists() else _NOTHING
            check_belongs(path, written, study, reader)
            self.reader = written.reader or reader
            """As it was spelt the first time."""
            self.judgements = written.judgements
            self.repaired = written.torn
            """Whether the last line was torn and has been taken off."""
            self._file = path.open("r+b" if path.exists() else "x+b", buffering=0)
            self._repair(written)
        except OSError as error:
            self._lock.release()
            raise _unwritable(path, error) from error
        except ReadingError:
            self._lock.release()
            raise

    def append(self, judgement: Judgement) -> None:
        """Add a line; when this returns, neither a crash nor a power cut loses it.

        Raises:
            ReadingError: if it cannot be written; the journal is then as before.
        """
        line = line_of(self._study, self.reader, judgement)
        try:
            if self._path.stat().st_size != self._size:
                raise ReadingError(
                    f"{self._path.name} was changed by another program while it was read; nothing "
                    "was added; open the study again."
                )
            self._write(line)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Let others open it."""
        self._file.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repair(self, written: Written) -> None:
        self._size = written.size
        if written.torn:
            self._file.truncate(written.size)
        if not written.size:
            self._write(HEAD + b"\n")
            _keep_folder(self._path.parent)
        elif not written.ended:
            self._write(b"\n")
        elif written.torn:
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        self._file.seek(self._size)
        if self._file.write(data) != len(data):
            raise OSError(0, "the disk is full")
        os.fsync(self._file.fileno())
        self._size += len(data)


_NOTHING = Written("", "", (), 0, torn=False, ended=True)


def read_journal(path: Path) -> Written:
    """Read a journal without touching it.

    Raises:
        ReadingError: if it cannot be read, is none, or a line before the last is damaged.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ReadingError(f"{path}: cannot be read ({error.strerror}).") from error
    *lines, tail = data.split(b"\n")
    # A power cut may leave zeros where the end of a file was to be.
    if not lines and HEAD.startswith(tail.rstrip(b"\0")):
        return Written("", "", (), 0, torn=bool(tail), ended=True)
    if not lines or lines[0] != HEAD:
        raise ReadingError(f"{path}: no journal of a reading study (its first line is another).")
    rows, size = [], len(HEAD) + 1
    for number, line in enumerate(lines[1:], start=2):
        row = cells_of(line)
        if row is None:
            raise ReadingError(
                f"{path}: line {number} is damaged or was edited; restore the file as it was "
                "written (a journal must not be saved by a spreadsheet)."
            )
        rows.append((number, row))
        size += len(line) + 1
    last = cells_of(tail) if tail else None
    if last is not None:
        rows.append((len(lines) + 1, last))
        size += len(tail)
    judgements = tuple(_read(path, number, row) for number, row in rows)
    for number, row in rows:
        if row[:2] != rows[0][1][:2]:
            raise ReadingError(f"{path}: line {number} is about another study or reader.")
    study, reader = (rows[0][1][0], unguarded(rows[0][1][1])) if rows else ("", "")
    torn = bool(tail) and last is None
    return Written(study, reader, judgements, size, torn=torn, ended=last is None)


def check_belongs(path: Path, written: Written, study: str, reader: str | None = None) -> None:
    """Refuse a journal that was written about something else.

    Raises:
        ReadingError: saying what, and what to do.
    """
    if written.study not in ("", study):
        raise ReadingError(
            f"{path}: was begun on another version of the study (then {written.study}, now "
            f"{study}); put the study's file back as it was, or read in a new folder."
        )
    if reader and written.reader and same_reader(written.reader) != same_reader(reader):
        raise ReadingError(f"{path}: is the journal of {written.reader}, not of {reader}.")


def _read(path: Path, number: int, cells: Sequence[str]) -> Judgement:
    try:
        return judgement_of(cells)
    except ValueError as error:
        raise ReadingError(f"{path}: line {number} is no judgement ({reason(error)}).") from error


def _keep_folder(folder: Path) -> None:
    """Have a new file's name survive a power cut as well."""
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, error: OSError) -> ReadingError:
    return ReadingError(
        f"{path}: the judgement cannot be written ({error.strerror or error}); nothing else is "
        "lost; make room or access, then answer again."
    )
