"""Names of readers, arms and cases: who is who, as files, and in a spreadsheet."""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256

from napari_unlearn.reading.error import ReadingError

LONGEST = 60
"""Characters of a reader's name."""

_FORMULA = "=+-@\t\r＝＋－＠"
"""What makes a spreadsheet take a cell for a formula, or eat the first character of it."""


def reader_name(text: str) -> str:
    """A reader's name as it is shown: spaces tidied, letters composed (NFC).

    Raises:
        ReadingError: if it is empty, too long or not printable.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ReadingError(
            f"A reader needs a name of 1 to {LONGEST} printable characters, the same each time."
        )
    return name


def same_reader(name: str) -> str:
    """What two spellings of one reader's name have in common: "Anna" and "anna" are one."""
    return unicodedata.normalize("NFC", reader_name(name).casefold())


def file_stem(name: str) -> str:
    """A file name for a reader, on any system, different for every reader."""
    known = same_reader(name)
    plain = re.sub(r"[^a-z0-9]+", "-", known).strip("-")
    mark = "" if plain == known else "-" + sha256(known.encode()).hexdigest()[:8]
    return f"reader-{plain}{mark}".replace("--", "-")


def guarded(text: str) -> str:
    """A text for a cell of a CSV file, which no spreadsheet takes for a formula.

    An apostrophe comes before what would be one, and before an apostrophe, so that
    `unguarded` gives back the very same text.
    """
    return f"'{text}" if text[:1] and text[0] in f"'{_FORMULA}" else text


def unguarded(cell: str) -> str:
    """The text that `guarded` made a cell of."""
    return cell.removeprefix("'")


def telling(arm: str, texts: Iterable[str]) -> str | None:
    """The first text that names an arm as a word of its own, whatever its case, or None.

    Arms of one or two characters are let pass: "a" is a word in every question.
    """
    if len(arm) < 3:
        return None
    word = re.compile(rf"(?<![^\W_]){re.escape(arm)}(?![^\W_])", re.IGNORECASE)
    return next((text for text in texts if word.search(text)), None)
