"""The arms get their names back: who said what about which, how sure, how much agreed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from napari_unlearn.errors import shortened
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.reading.agreement import (
    Interval,
    icc_2_1,
    icc_interval,
    kappa_interval,
    weighted_kappa,
)
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.journal import check_belongs, read_journal
from napari_unlearn.reading.judgement import Judgement, standing
from napari_unlearn.reading.study import ReadingStudy


@dataclass(frozen=True)
class Progress:
    """How far a reader is."""

    reader: str
    done: int
    total: int


@dataclass(frozen=True)
class Scored:
    """One judgement, with the name of its arm."""

    reader: str
    arm: str
    judgement: Judgement

    @property
    def score(self) -> int:
        """1 to 5."""
        return self.judgement.score or 0


@dataclass(frozen=True)
class ArmScore:
    """How an arm fared in a question."""

    question: str
    arm: str
    mean: float
    """Over readers and cases."""
    low: float | None
    """End of the 95 % interval from drawing cases anew; None with a single case."""
    high: float | None
    cases: int
    judgements: int
    marked: int
    """Regions."""
    seconds: float
    """Median time of a judgement [s]."""


@dataclass(frozen=True)
class Agreement:
    """How far readers agree in a question, on the images that all of them judged."""

    question: str
    readers: tuple[str, ...]
    images: int
    kappa: float | None
    """Quadratically weighted, of two readers."""
    linear_kappa: float | None
    same: float | None
    """Share of images with the very same score by two readers."""
    icc: float | None
    """ICC(2,1)."""
    kappa_interval: Interval | None = None
    """95 % interval of the quadratically weighted kappa from drawing cases anew."""
    icc_interval: Interval | None = None
    """That of ICC(2,1)."""


@dataclass(frozen=True)
class Revealed:
    """Everything that a study found."""

    study: ReadingStudy
    progress: tuple[Progress, ...]
    scored: tuple[Scored, ...]
    arms: tuple[ArmScore, ...]
    agreement: tuple[Agreement, ...]
    """Per question: every pair of readers, then all if there are more than two."""

    @property
    def finished(self) -> bool:
        """Whether every reader judged everything."""
        return all(each.done == each.total for each in self.progress)


def progress_of(study: ReadingStudy) -> tuple[Progress, ...]:
    """How far every reader is who has begun.

    Raises:
        ReadingError: if a journal is damaged or about another study.
    """
    return tuple(progress for progress, _ in _journals(study))


def reveal(
    study: ReadingStudy, *, unfinished: bool = False, bootstrap: Bootstrap | None = None
) -> Revealed:
    """Join what was judged with the arms.

    Args:
        study: Its journals are read and left as they are.
        unfinished: Take what there is; else every reader must have judged everything, as whoever
            knows the arms does not read blind any more.
        bootstrap: How intervals are drawn.

    Raises:
        ReadingError: if nobody has read, somebody has not finished, or a journal is damaged.
    """
    journals = _journals(study)
    open_ = [each for each, _ in journals if each.done < each.total]
    if not any(each.done for each, _ in journals):
        raise ReadingError(f"{study.folder}: nobody has judged anything yet; nothing to reveal.")
    if open_ and not unfinished:
        who = ", ".join(f"{each.reader} ({each.done} of {each.total})" for each in open_)
        raise ReadingError(
            f"Not everybody has finished: {who}; revealed now, they would not read blind any more."
        )
    scored = tuple(
        Scored(progress.reader, _arm_of(study, progress.reader, judgement), judgement)
        for progress, judgements in journals
        for judgement in judgements
    )
    bootstrap = bootstrap or Bootstrap()
    questions = [question.key for question in study.definition.questions]
    by_question = {
        key: [s for s in scored if s.judgement.asked.question == key] for key in questions
    }
    arms = [
        _arm_score(key, arm, [s for s in by_question[key] if s.arm == arm], bootstrap)
        for key in questions
        for arm in study.definition.arms
        if any(s.arm == arm for s in by_question[key])
    ]
    readers = [progress.reader for progress, judgements in journals if judgements]
    groups: list[tuple[str, ...]] = list(combinations(readers, 2))
    groups += [tuple(readers)] if len(readers) > 2 else []
    agreement = [
        _agreement(key, group, by_question[key], bootstrap) for key in questions for group in groups
    ]
    progress = tuple(each for each, _ in journals)
    return Revealed(study, progress, scored, tuple(arms), tuple(agreement))


def _journals(study: ReadingStudy) -> list[tuple[Progress, list[Judgement]]]:
    """Who is how far, and the judgements that hold and have a score."""
    definition = study.definition
    total = len(definition.cases) * len(definition.arms) * len(definition.questions)
    found = []
    for path in study.journals:
        written = read_journal(path)
        check_belongs(path, written, study.fingerprint)
        if not written.reader:
            continue
        held = [each for each in standing(written.judgements).values() if each.score is not None]
        found.append((Progress(written.reader, len(held), total), held))
    return found


def _arm_of(study: ReadingStudy, reader: str, judgement: Judgement) -> str:
    asked = judgement.asked
    known = {case.name for case in study.definition.cases}
    if asked.case not in known or asked.label not in study.labels:
        raise ReadingError(
            f"{study.journal(reader)}: {reader} judged {shortened(asked.case)} "
            f"{shortened(asked.label)}, which is not in the study."
        )
    return study.arms(reader, asked.case)[study.labels.index(asked.label)]


def _arm_score(question: str, arm: str, scored: Sequence[Scored], bootstrap: Bootstrap) -> ArmScore:
    cases = [each.judgement.asked.case for each in scored]
    values = np.array([each.score for each in scored], dtype=np.float64)
    count = len(set(cases))
    low, high = bootstrap.interval(bootstrap.means(question, cases, values))
    return ArmScore(
        question=question,
        arm=arm,
        mean=float(values.mean()),
        low=low if count > 1 else None,
        high=high if count > 1 else None,
        cases=count,
        judgements=len(scored),
        marked=sum(len(each.judgement.regions) for each in scored),
        seconds=float(np.median([each.judgement.seconds for each in scored])),
    )


def _agreement(
    question: str, readers: tuple[str, ...], scored: Sequence[Scored], bootstrap: Bootstrap
) -> Agreement:
    images: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for each in scored:
        images[each.judgement.asked.case, each.arm][each.reader] = each.score
    shared = {at: own for at, own in images.items() if set(readers) <= set(own)}
    rows = [[own[r] for r in readers] for own in shared.values()]
    cases = [case for case, _ in shared]
    table = np.array(rows, dtype=int).reshape(-1, len(readers))
    kappa = linear = same = within = None
    if len(readers) == 2 and len(table):
        one, other = table[:, 0], table[:, 1]
        kappa, linear = weighted_kappa(one, other), weighted_kappa(one, other, "linear")
        same = float((one == other).mean())
        within = kappa_interval(one, other, cases, bootstrap)
    return Agreement(
        question,
        readers,
        len(table),
        kappa,
        linear,
        same,
        icc_2_1(table),
        within,
        icc_interval(table, cases, bootstrap),
    )
