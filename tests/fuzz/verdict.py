"""Whether an outcome is what a user may see: the file read, or one sentence about it."""

import os
import re
from pathlib import Path

from tests.fuzz.sandbox import Outcome

LONGEST = 300
"""Characters of a sentence beside the paths in it."""
_TRACES = (
    "Traceback",
    "<class ",
    "<built-in",
    "object at 0x",
    "errno",
    "Errno",
    "Exception",
    "sys.",
    "recursion",
)


def listing(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Names, sizes and times of everything in a folder; links are not followed."""
    found = []
    for entry in os.scandir(folder):
        stat = entry.stat(follow_symlinks=False)
        found.append((entry.path, stat.st_size, stat.st_mtime_ns))
        if entry.is_dir(follow_symlinks=False):
            found += listing(Path(entry.path))
    return frozenset(found)


def complaint(outcome: Outcome, folder: Path, opened: Path) -> str:
    """What is wrong with an outcome; empty if nothing is."""
    if outcome.kind in ("hang", "crash", "exception"):
        return f"{outcome.kind}: {outcome.text}"
    if outcome.touched:
        return f"touched: {'; '.join(outcome.touched)}"
    if outcome.printed:
        return f"printed: {outcome.printed[:500]}"
    return "" if outcome.kind == "fine" else _of_sentence(outcome.text, folder, opened)


def _of_sentence(text: str, folder: Path, opened: Path) -> str:
    bare = re.sub(re.escape(str(folder)) + r"[^\s:;,']*", "", text)
    if not text.isprintable():
        return f"not one printable line: {text!r}"
    if len(bare) > LONGEST:
        return f"too long ({len(bare)} characters): {text}"
    if not text.endswith((".", "!", "?")):
        return f"no sentence: {text}"
    if str(folder) not in text and not _names(text, folder, opened):
        return f"names no file: {text}"
    trace = next((word for word in _TRACES if word in text), None)
    return f"a programmer's words ({trace}): {text}" if trace else ""


def _names(text: str, folder: Path, opened: Path) -> bool:
    """Whether a file is called by its name alone."""
    names = {opened.name, opened.parent.name}
    names |= {path.name for path in folder.rglob("*")} if folder.is_dir() else set()
    return any(name in text for name in names)
