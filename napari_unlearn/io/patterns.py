"""Files that match a pattern, found without going round in circles or without end."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from glob import has_magic
from pathlib import Path

from napari_unlearn.errors import shortened
from napari_unlearn.io.errors import ReadError

MOST_ENTRIES = 300_000
"""Files and folders that are looked at for one pattern."""


def matches(pattern: str) -> list[Path]:
    """Paths that match: * and ? within a name, [..] for one character, ** for any depth; sorted.

    Links to folders are followed, but no folder is entered twice on the way down. Hidden names
    match only where the pattern begins with a dot as well.

    Raises:
        ReadError: if more than `MOST_ENTRIES` files and folders would have to be looked at.
    """
    path = Path(pattern)
    start = Path(path.anchor) if path.anchor else Path()
    parts = path.parts[1:] if path.anchor else path.parts
    search = _Search(shortened(pattern, 100))
    try:
        return sorted(set(search.below(start, tuple(map(_unescaped, parts)), frozenset())))
    except (ValueError, RecursionError):  # a null character, or nobody's depth
        return []


def _unescaped(part: str) -> str:
    """A part without wildcards as the name it stands for, as `glob.escape` wrote it."""
    plain = part
    for character in "*?[":
        plain = plain.replace(f"[{character}]", character)
    # What is escaped throughout is a name; marked, as a name may look like a pattern.
    bare = part.replace("[*]", "").replace("[?]", "").replace("[[]", "")
    return part if has_magic(bare) else f"/{plain}"


class _Search:
    """One walk, with a count of what it has looked at."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._count = pattern, 0

    def below(
        self, folder: Path, parts: Sequence[str], above: frozenset[tuple[int, int]]
    ) -> Iterator[Path]:
        if not parts:
            yield folder
            return
        first, rest = parts[0], parts[1:]
        if first == "**":
            yield from self._deeper(folder, parts, rest, above)
        elif first.startswith("/"):
            path = folder / first[1:]
            if os.path.lexists(path):
                yield from self.below(path, rest, frozenset())
        else:
            for entry in self._entries(folder):
                hidden = entry.name.startswith(".") and not first.startswith(".")
                if fnmatch(entry.name, first) and not hidden:
                    yield from self.below(folder / entry.name, rest, frozenset())

    def _deeper(
        self,
        folder: Path,
        parts: Sequence[str],
        rest: Sequence[str],
        above: frozenset[tuple[int, int]],
    ) -> Iterator[Path]:
        """What matches here, and in every folder below."""
        try:
            about = os.stat(folder)
        except OSError:
            return
        here = (about.st_dev, about.st_ino)
        if here in above:
            return
        if not rest:
            yield folder
        yield from self.below(folder, rest or ("*",), frozenset())
        for entry in self._entries(folder):
            if not entry.name.startswith(".") and _is_folder(entry):
                yield from self.below(folder / entry.name, parts, above | {here})

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError:
            return
        for entry in found:
            self._count += 1
            if self._count > MOST_ENTRIES:
                raise ReadError(
                    f"{self._pattern}: more than {MOST_ENTRIES:,} files and folders would have to "
                    "be looked at; name a folder nearer to the scans."
                )
            yield entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
