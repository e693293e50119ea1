"""One judgement, and the line of a journal that keeps it.

Every line ends in the CRC-32 of what stands before it, so that one torn by a crash is told from a
whole one.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from napari_unlearn.reading.definition import SCORES
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.names import guarded, unguarded
from napari_unlearn.reading.region import Region, regions_from, regions_text

COLUMNS = (
    "study",
    "reader",
    "time",
    "case",
    "label",
    "question",
    "score",
    "seconds",
    "regions",
    "check",
)
HEAD = ",".join(COLUMNS).encode()
_MOST_CHARACTERS = 1 << 22
"""Of a cell: all regions of a judgement as text."""


class Asked(NamedTuple):
    """What a judgement is about; the letter does not tell the arm."""

    case: str
    label: str
    question: str


@dataclass(frozen=True)
class Judgement:
    """One answer, or that there is none (any more)."""

    asked: Asked
    score: int | None
    """1 to 5; None while the question is open."""
    seconds: float
    """Spent on it in all, without idle time [s]."""
    time: str
    """When it was given, by the computer's clock, ISO 8601 in UTC."""
    regions: tuple[Region, ...] = ()


def standing(judgements: Iterable[Judgement]) -> dict[Asked, Judgement]:
    """What holds: the last line about every judgement, those answered last at the end."""
    latest: dict[Asked, Judgement] = {}
    for judgement in judgements:
        latest.pop(judgement.asked, None)
        latest[judgement.asked] = judgement
    return latest


def line_of(study: str, reader: str, judgement: Judgement) -> bytes:
    """A judgement as a whole line, newline included.

    Raises:
        ReadingError: if its regions have too many corners.
    """
    cells = [
        study,
        guarded(reader),
        judgement.time,
        guarded(judgement.asked.case),
        judgement.asked.label,
        guarded(judgement.asked.question),
        "" if judgement.score is None else str(judgement.score),
        f"{judgement.seconds:.1f}",
        regions_text(judgement.regions),
    ]
    if len(cells[-1]) > _MOST_CHARACTERS:
        raise ReadingError("The marked regions have too many corners; draw them more simply.")
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    body = text.getvalue().encode()
    return body + b"," + _check(body) + b"\n"


def _check(body: bytes) -> bytes:
    return f"{crc32(body):08x}".encode()


def cells_of(line: bytes) -> list[str] | None:
    """The cells of a whole line; None if it is not one."""
    body, comma, check = line.rpartition(b",")
    if not comma or _check(body) != check:
        return None
    csv.field_size_limit(_MOST_CHARACTERS + 1)
    try:
        (cells,) = csv.reader([body.decode()], strict=True)
    except (ValueError, csv.Error):
        return None
    return cells if len(cells) == len(COLUMNS) - 1 else None


def judgement_of(cells: Sequence[str]) -> Judgement:
    """What the cells of a line say.

    Raises:
        ValueError: if that is no judgement.
    """
    _, _, time, case, label, question, score, seconds, regions = cells
    given = int(score) if score else None
    if given not in (None, *SCORES):
        raise ValueError(f"score {given}")
    spent = float(seconds)
    if not (math.isfinite(spent) and spent >= 0):
        raise ValueError(f"{spent} seconds")
    asked = Asked(unguarded(case), label, unguarded(question))
    return Judgement(asked, given, spent, time, regions_from(regions))
