"""Pseudonyms: names of scans, patients and people that only the holder of a key can make.

    pseudonym = kind + "-" + first 10 hexadecimal digits of HMAC-SHA256(key, kind, identity)

The same name gives the same pseudonym wherever the same key is used, so that results of one
site fit together, and without the key no list of names can be tried. After RFC 2104.
"""

import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_unlearn.errors import UnlearnError

KEY_VARIABLE = "NAPARI_UNLEARN_KEY"
"""Environment variable with the key itself, for a site that shares one."""

IDENTIFY_VARIABLE = "NAPARI_UNLEARN_IDENTIFY"
"""Environment variable that, set to 1, has the window call layers as their files are called."""

_FILE = "pseudonyms.key"
_DIGITS = 10
_LEAST = 8
"""Characters of a key of one's own."""


@dataclass(frozen=True)
class Pseudonyms:
    """How people and scans are called in what is written for others."""

    key: bytes | None
    """None lets every name stand as it is."""

    def of(self, kind: str, identity: str) -> str:
        """What somebody or something is called.

        Args:
            kind: Such as "scan" or "patient", part of the pseudonym.
            identity: Empty stays empty.
        """
        if self.key is None or not identity:
            return identity
        told = f"{kind}\0{identity}".encode("utf-8", "surrogateescape")
        return f"{kind}-{hmac.new(self.key, told, 'sha256').hexdigest()[:_DIGITS]}"


AS_THEY_ARE = Pseudonyms(None)


def naming(deidentify: bool = True) -> Pseudonyms:
    """This site's pseudonyms, or names as they are.

    The key is the environment's `NAPARI_UNLEARN_KEY`, else one drawn at the first use and kept
    in the user's configuration folder, readable for nobody else.

    Raises:
        UnlearnError: if there is no usable key and none can be kept.
    """
    return Pseudonyms(_key()) if deidentify else AS_THEY_ARE


def names_asked_for() -> bool:
    """Whether the environment asks for names as they are in the window."""
    return os.environ.get(IDENTIFY_VARIABLE, "") == "1"


def _key() -> bytes:
    stated = os.environ.get(KEY_VARIABLE, "")
    if stated:
        if len(stated) < _LEAST:
            raise UnlearnError(
                f"{KEY_VARIABLE}: {len(stated)} characters; a key of pseudonyms needs at least "
                f"{_LEAST}."
            )
        return stated.encode("utf-8", "surrogateescape")
    from platformdirs import user_config_path

    path = user_config_path("napari-unlearn", appauthor=False) / _FILE
    try:
        if not path.exists():
            _draw(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise UnlearnError(
            f"{path}: the key of pseudonyms cannot be kept ({error.strerror or error}); put one "
            f"into the environment variable {KEY_VARIABLE}."
        ) from error
    if len(key) < _LEAST:
        raise UnlearnError(f"{path}: no key of pseudonyms; remove the file to have one drawn.")
    return key


def _draw(path: Path) -> None:
    """Put a new key in place, whole; whoever comes second takes the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_hex(32).encode())
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
