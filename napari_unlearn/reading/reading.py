"""One reader on one study: what is asked now, what was answered, where to go next."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from napari_unlearn.reading.blinding import case_order
from napari_unlearn.reading.definition import SCORES, Question
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.journal import Journal
from napari_unlearn.reading.judgement import Asked, Judgement, standing
from napari_unlearn.reading.names import reader_name
from napari_unlearn.reading.region import Region
from napari_unlearn.reading.stopwatch import Clock, Stopwatch
from napari_unlearn.reading.study import ReadingStudy


def utc_now() -> str:
    """The time by the computer's clock, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Reading:
    """Goes through a study; every answer is on disk before it counts.

    Within a case every question is asked about A, B, C in turn before the next one is.
    """

    def __init__(
        self,
        study: ReadingStudy,
        reader: str,
        *,
        clock: Clock = time.monotonic,
        now: Callable[[], str] = utc_now,
    ) -> None:
        """Begin, or go on where this reader's journal ends.

        Raises:
            ReadingError: if the name is none, the study is revealed or has changed, or the
                journal is in use, damaged or cannot be written.
        """
        self.study, name = study, reader_name(reader)
        if study.revealed:
            raise ReadingError(
                f"{study.definition.name} has been revealed, so that nobody can read it blind any "
                f"more; to have it read all the same, move '{study.reveal_folder.name}' away."
            )
        definition = study.definition
        self.cases = case_order(definition.seed, name, [case.name for case in definition.cases])
        self.labels = study.labels
        self.watch = Stopwatch(definition.idle_seconds, clock)
        self._now = now
        self._journal = Journal(study.journal(name), study.fingerprint, name)
        self.reader = self._journal.reader
        self._latest = standing(self._journal.judgements)
        self._spent = {asked: each.seconds for asked, each in self._latest.items()}
        self._asked = Asked(self.cases[0], self.labels[0], definition.questions[0].key)
        self._asked = self._next_open() or self._asked

    @property
    def repaired(self) -> bool:
        """Whether a crash had torn the journal's last line."""
        return self._journal.repaired

    @property
    def asked(self) -> Asked:
        """What is to be judged now."""
        return self._asked

    @property
    def question(self) -> Question:
        """The question that is asked now."""
        questions = self.study.definition.questions
        return next(each for each in questions if each.key == self._asked.question)

    @property
    def place(self) -> int:
        """Where the case in view stands among this reader's cases, from 0."""
        return self.cases.index(self._asked.case)

    @property
    def done(self) -> int:
        """Judgements given."""
        return sum(each.score is not None for each in self._latest.values())

    @property
    def total(self) -> int:
        """Judgements there are to give."""
        return len(self.cases) * len(self._of_case(self._asked.case))

    @property
    def finished(self) -> bool:
        """Whether everything has been judged."""
        return self.done == self.total

    @property
    def seconds(self) -> float:
        """Spent on what is asked now, without idle time [s]."""
        return self._spent.get(self._asked, 0.0) + self.watch.seconds

    def score(self, asked: Asked) -> int | None:
        """What was answered; None while it is open."""
        latest = self._latest.get(asked)
        return None if latest is None else latest.score

    def regions(self, asked: Asked) -> tuple[Region, ...]:
        """What was marked for a judgement."""
        latest = self._latest.get(asked)
        return () if latest is None else latest.regions

    def answer(self, score: int) -> None:
        """Judge what is asked, then go to what is open: in this case, else in the next.

        Raises:
            ReadingError: if it cannot be written; nothing has changed then.
        """
        if score not in SCORES:
            raise ReadingError(f"{score} is no answer; 1 to 5 are.")
        self._write(self._asked, score, self.regions(self._asked))
        self._go(self._next_open() or self._asked)

    def mark(self, regions: tuple[Region, ...]) -> None:
        """Replace the regions of what is asked; its score stays.

        Raises:
            ReadingError: if it cannot be written.
        """
        if regions != self.regions(self._asked):
            self._write(self._asked, self.score(self._asked), regions)

    def undo(self) -> bool:
        """Take the last answer back and ask again; False if there is none.

        Raises:
            ReadingError: if it cannot be written.
        """
        answered = [asked for asked, each in self._latest.items() if each.score is not None]
        if not answered:
            return False
        last = answered[-1]
        self._go(last)
        self._write(last, None, self.regions(last))
        return True

    def turn(self, cases: int) -> None:
        """Go so many cases on or back, to what is open there or else to its first question."""
        place = min(max(self.place + cases, 0), len(self.cases) - 1)
        if place != self.place:
            own = self._of_case(self.cases[place])
            self._go(next((each for each in own if self.score(each) is None), own[0]))

    def step(self, judgements: int) -> None:
        """Go so many judgements on or back within the case, answered or not."""
        own = self._of_case(self._asked.case)
        self._go(own[(own.index(self._asked) + judgements) % len(own)])

    def close(self) -> None:
        """Let the same reader go on elsewhere."""
        self._journal.close()

    def _of_case(self, case: str) -> list[Asked]:
        questions = self.study.definition.questions
        return [Asked(case, label, each.key) for each in questions for label in self.labels]

    def _next_open(self) -> Asked | None:
        """The open judgement after the one asked: in this case, then in those that follow."""
        own, place = self._of_case(self._asked.case), self.place
        here = own.index(self._asked)
        following = (*self.cases[place + 1 :], *self.cases[:place])
        order = [*own[here:], *own[:here], *(a for case in following for a in self._of_case(case))]
        return next((asked for asked in order if self.score(asked) is None), None)

    def _go(self, asked: Asked) -> None:
        if asked != self._asked:
            self._spent[self._asked] = self.seconds
            self.watch.restart()
            self._asked = asked

    def _write(self, asked: Asked, score: int | None, regions: tuple[Region, ...]) -> None:
        judgement = Judgement(asked, score, round(self.seconds, 1), self._now(), regions)
        self._journal.append(judgement)
        self._latest.pop(asked, None)  # to the end: what was answered last is undone first
        self._latest[asked] = judgement
