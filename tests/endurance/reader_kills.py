"""kill -9 of somebody who reads a study: what was told to be saved is there."""

import random
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import monotonic

from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.journal import read_journal
from napari_unlearn.reading.judgement import Asked
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.region import Region
from napari_unlearn.reading.study import ReadingStudy
from tests.endurance.kills import Tally

Said = tuple[Asked, int | None, int]
"""Judgement, score and number of regions."""


def read_on(folder: str, reader: str, seed: int, told: Connection) -> None:
    """Answer, mark, take back and go about until all is judged, telling what is saved."""
    moves = random.Random(seed)
    reading = Reading(ReadingStudy.load(Path(folder)), reader)
    while not reading.finished:
        asked, move = reading.asked, moves.random()
        if move < 0.7:
            score = moves.randint(1, 5)
            reading.answer(score)
            told.send((asked, score, len(reading.regions(asked))))
        elif move < 0.8:
            corner = moves.uniform(0, 9)
            corners = [(corner, 0.0), (corner + 4, 3.0), (0.0, corner + 7)]
            region = Region.drawn("polygon", moves.randint(0, 3), corners, (5.0, 2.0, 1.0))
            if (region,) != reading.regions(asked):
                reading.mark((region,))
                told.send((asked, reading.score(asked), 1))
        elif move < 0.85 and reading.undo():
            told.send((reading.asked, None, len(reading.regions(reading.asked))))
        else:
            reading.step(1) if move < 0.95 else reading.turn(moves.choice((-1, 1)))
    reading.close()


@dataclass
class _Child:
    """What one reader told until it was killed."""

    code: int
    told: list[Said]


def kill_readers(study: ReadingStudy, context: ForkServerContext, kills: int, seed: int) -> Tally:
    """Kill readers of a study at random moments; a new one begins when one has finished."""
    moments = random.Random(seed)
    started = monotonic()
    first = _read_until(context, study, "Nobody", moments, None)
    if first.code != 0:
        raise RuntimeError(f"a reader whom nobody disturbs ends with {first.code}")
    tally = Tally("read", monotonic() - started)
    number, known = 0, []
    while tally.kills < kills:
        reader = f"Reader {number}"
        moment = moments.uniform(0, tally.undisturbed)
        child = _read_until(context, study, reader, moments, moment)
        tally.kills += child.code == -signal.SIGKILL
        tally.resumed += bool(known)
        if child.code not in (0, -signal.SIGKILL):
            tally.found.append(f"after kill {tally.kills}: the reader ends with {child.code}")
        saved = _saved(study, reader, tally)
        expected = known + child.told
        # One more may be saved than was told: the kill fell between the two.
        if saved[: len(expected)] != expected or len(saved) > len(expected) + 1:
            tally.found.append(
                f"after kill {tally.kills}: told {len(expected)}, saved {len(saved)} judgements"
            )
        known = saved
        if child.code == 0:
            number, known = number + 1, []
            tally.finished += 1
    return tally


def _read_until(
    context: ForkServerContext,
    study: ReadingStudy,
    reader: str,
    moments: random.Random,
    seconds: float | None,
) -> _Child:
    """A reader who is killed after so many seconds, or never."""
    here, there = context.Pipe(duplex=False)
    process = context.Process(
        target=read_on, args=(str(study.folder), reader, moments.randrange(2**32), there)
    )
    process.start()
    there.close()
    until = None if seconds is None else monotonic() + seconds
    told: list[Said] = []
    with suppress(EOFError, OSError):  # the pipe ends with the process, within a message or not
        while until is None or here.poll(max(until - monotonic(), 0)):
            told.append(here.recv())
        process.kill()
        while True:
            told.append(here.recv())
    process.join()
    return _Child(int(process.exitcode or 0), told)


def _saved(study: ReadingStudy, reader: str, tally: Tally) -> list[Said]:
    """What the journal holds."""
    journal = study.journal(reader)
    try:
        written = read_journal(journal).judgements if journal.exists() else ()
    except ReadingError as error:
        tally.found.append(f"after kill {tally.kills}: {error}")
        return []
    return [(each.asked, each.score, len(each.regions)) for each in written]
