"""The ledger of an experiment: every request that was carried out, in a chain of hashes.

One JSON line per request, only ever added to, each on disk before it counts. An entry holds the
hash of the one before, so that none can be changed, left out or moved without all later ones
being written anew, and a certificate holds the chain as it stood. A line torn by a kill was
never told to anybody and is taken off by the next writer.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from napari_unlearn.bounded import open_file
from napari_unlearn.certificate.content import LedgerEntry, canonical
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.errors import shortened

FILE = "ledger.jsonl"
FIRST = "0" * 64
_MOST_BYTES = 1 << 26
_PATIENCE = 30.0  # seconds


def read_ledger(path: Path) -> tuple[LedgerEntry, ...]:
    """Every entry, the chain checked; none if there is no ledger yet.

    Raises:
        CertificateError: if it cannot be read, or the chain is broken; the line is named.
    """
    return _read(path)[0]


def told(entries: Sequence[LedgerEntry]) -> list[str]:
    """A line for each entry, fit for a terminal whatever stands in it."""
    return [
        f"{each.number}  {shortened(each.time[:16])}  {shortened(each.run)}: "
        f"{shortened(each.request.requester or 'somebody')} had {len(each.forgotten)} forgotten  "
        f"{shortened(each.hash[:12])}"
        for each in entries
    ]


def append(path: Path, entry: LedgerEntry) -> LedgerEntry:
    """Add a request; when this returns, neither a kill nor a power cut loses it.

    Numbers and hashes are set here. A request that is there already, the same in everything but
    time, is not added again.

    Returns:
        The entry as it stands in the ledger.

    Raises:
        CertificateError: if the ledger is damaged, in use, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE):
            entries, size = _read(path)
            known = next((old for old in entries if _same(old, entry)), None)
            if known is not None:
                return known
            last = entries[-1].hash if entries else FIRST
            numbered = entry.model_copy(update={"number": len(entries) + 1, "previous": last})
            whole = numbered.model_copy(update={"hash": hash_of(numbered)})
            _write(path, size, whole)
            return whole
    except Timeout:
        raise CertificateError(f"{path}: another process is writing to it.") from None
    except OSError as error:
        reason = error.strerror or error
        raise CertificateError(f"{path}: the ledger cannot be written ({reason}).") from error


def hash_of(entry: LedgerEntry) -> str:
    """SHA-256 of everything in an entry but its own hash."""
    return hashlib.sha256(canonical(entry, "hash")).hexdigest()


def _same(old: LedgerEntry, new: LedgerEntry) -> bool:
    own = {"number", "time", "previous", "hash"}
    return old.model_dump(exclude=own) == new.model_dump(exclude=own)


def _read(path: Path) -> tuple[tuple[LedgerEntry, ...], int]:
    """Entries, and bytes up to the end of the last whole line."""
    try:
        with open_file(path) as stream:
            data = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return (), 0
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read ({error.strerror}).") from error
    if len(data) > _MOST_BYTES:
        raise CertificateError(f"{path}: larger than {_MOST_BYTES >> 20} MiB; no ledger.")
    *lines, tail = data.split(b"\n")
    entries: list[LedgerEntry] = []
    previous = FIRST
    for number, line in enumerate(lines, start=1):
        entry = _entry(path, number, line)
        if entry.hash != hash_of(entry):
            raise CertificateError(f"{path}: line {number} was changed after it was written.")
        if entry.previous != previous or entry.number != number:
            raise CertificateError(
                f"{path}: line {number} does not follow the one before; entries were taken out, "
                "added or moved."
            )
        entries.append(entry)
        previous = entry.hash
    return tuple(entries), len(data) - len(tail)


def _entry(path: Path, number: int, line: bytes) -> LedgerEntry:
    try:
        return LedgerEntry.model_validate_json(line)
    except (ValidationError, ValueError) as error:
        raise CertificateError(f"{path}: line {number} is no entry of a ledger.") from error


def _write(path: Path, size: int, entry: LedgerEntry) -> None:
    line = json.dumps(entry.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n"
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+b", buffering=0) as stream:
        stream.truncate(size)
        stream.seek(size)
        try:
            if stream.write(line) != len(line):
                raise OSError(0, "the disk is full")
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(size)
            raise
    if new:
        _keep_name(path.parent)


def _keep_name(folder: Path) -> None:
    """Have a new file's name survive a power cut as well."""
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
