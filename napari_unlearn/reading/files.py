"""What a reveal leaves behind: tables, everything as JSON, the summary plot."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from napari_unlearn import __version__
from napari_unlearn.atomic import replacing, write_whole
from napari_unlearn.reading.agreement import Interval
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.figure import draw_scores
from napari_unlearn.reading.names import guarded
from napari_unlearn.reading.region import regions_text
from napari_unlearn.reading.reveal import Revealed

Cell = str | int | float | None


def write_reveal(revealed: Revealed, folder: Path) -> list[Path]:
    """Write what was found; files of the same name go.

    arms.csv         mean score, interval, times, marks of every arm and question
    agreement.csv    kappa and ICC of every pair of readers and question
    scores.png       the summary plot
    reading.json     all of it
    judgements.csv   a line per judgement, with the arm; written last, as it closes a study

    Returns:
        The files, in this order.

    Raises:
        UnlearnError: if they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadingError(f"{folder}: cannot be made ({error.strerror}).") from error
    write_whole(folder / "arms.csv", arms_csv(revealed).encode())
    write_whole(folder / "agreement.csv", agreement_csv(revealed).encode())
    with replacing(folder / "scores.png") as temporary:
        draw_scores(revealed).savefig(temporary, dpi=150, facecolor="white")
    write_whole(folder / "reading.json", (to_json(revealed) + "\n").encode())
    write_whole(folder / "judgements.csv", judgements_csv(revealed).encode())
    names = ("arms.csv", "agreement.csv", "scores.png", "reading.json", "judgements.csv")
    return [folder / name for name in names]


def judgements_csv(revealed: Revealed) -> str:
    """One line per judgement: reader, case, arm, the letter it had, score, time, regions."""
    rows = []
    for each in revealed.scored:
        held, regions = each.judgement, each.judgement.regions
        area = sum(region.area_mm2 for region in regions)
        rows.append(
            (
                each.reader,
                held.asked.case,
                each.arm,
                held.asked.label,
                held.asked.question,
                each.score,
                held.seconds,
                len(regions),
                round(area, 3),
                held.time,
                regions_text(regions),
            )
        )
    head = ("reader", "case", "arm", "label", "question", "score", "seconds", "marked")
    return _csv((*head, "marked_mm2", "time", "regions"), rows)


def arms_csv(revealed: Revealed) -> str:
    """One line per question and arm."""
    head = ("question", "arm", "mean", "low", "high", "cases", "judgements", "marked", "seconds")
    return _csv(head, [tuple(asdict(arm).values()) for arm in revealed.arms])


def agreement_csv(revealed: Revealed) -> str:
    """One line per question and group of readers; blank where a figure is not defined."""
    rows = [
        (
            *(a.question, " & ".join(a.readers), a.images, a.kappa, a.linear_kappa, a.same, a.icc),
            *(a.kappa_interval or (None, None)),
            *(a.icc_interval or (None, None)),
        )
        for a in revealed.agreement
    ]
    head = ("question", "readers", "images", "kappa_quadratic", "kappa_linear", "same", "icc_2_1")
    return _csv((*head, "kappa_low", "kappa_high", "icc_low", "icc_high"), rows)


def to_json(revealed: Revealed) -> str:
    """Everything but the regions' corners; figures that are not defined are null."""
    definition = revealed.study.definition
    content = {
        "napari_unlearn": __version__,
        "study": definition.name,
        "fingerprint": revealed.study.fingerprint,
        "finished": revealed.finished,
        "questions": [question.model_dump() for question in definition.questions],
        "readers": [asdict(each) for each in revealed.progress],
        "arms": [asdict(arm) for arm in revealed.arms],
        "agreement": [asdict(each) for each in revealed.agreement],
        "judgements": [
            {
                "reader": each.reader,
                "arm": each.arm,
                **each.judgement.asked._asdict(),
                "score": each.score,
                "seconds": each.judgement.seconds,
                "marked": len(each.judgement.regions),
            }
            for each in revealed.scored
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)


def summary(revealed: Revealed) -> str:
    """A few lines for a terminal or a window."""
    lines = [f"{each.reader}: {each.done} of {each.total} judgements" for each in revealed.progress]
    for question in revealed.study.definition.questions:
        lines += ["", question.text]
        lines += [
            f"  {arm.arm}: {figure(arm.mean)}{interval(arm.low, arm.high)}, "
            f"{arm.marked} marked, {arm.seconds:.1f} s"
            for arm in revealed.arms
            if arm.question == question.key
        ]
        lines += [
            f"  {' & '.join(each.readers)}: "
            f"kappa {figure(each.kappa)}{within(each.kappa_interval)}, "
            f"ICC(2,1) {figure(each.icc)}{within(each.icc_interval)} "
            f"on {each.images} images"
            for each in revealed.agreement
            if each.question == question.key
        ]
    return "\n".join(lines)


def figure(value: float | None) -> str:
    """Two digits; a dash where it is not defined."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"


def interval(low: float | None, high: float | None) -> str:
    """Such as " [3.20, 4.10]"; nothing where there is none."""
    return "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"


def within(ends: Interval | None) -> str:
    """The same of both ends at once."""
    return "" if ends is None else interval(*ends)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow(guarded(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()
