"""The summary of a reading study: every arm's scores by question, with intervals over cases."""

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_unlearn.reading.definition import SCORES
from napari_unlearn.reading.reveal import ArmScore, Revealed

LOOKS = (
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "D"),
    ("#cc79a7", "^"),
    ("#e69f00", "v"),
    ("#56b4e9", "P"),
    ("#1a1a1a", "X"),
    ("#882255", "p"),
    ("#999933", "h"),
    ("#332288", "<"),
    ("#44aa99", ">"),
    ("#5a5a5a", "*"),
)
"""Colours of Okabe and Ito, then of Paul Tol's "muted" scheme, each with a marker of its own."""

_INK, _GREY, _FAINT = "#1a1a1a", "#5a5a5a", "#dcdcdc"
_TITLE, _TEXT, _NOTE = 11, 9, 8  # points
_WIDTH, _LINE, _HEAD, _FOOT = 5.4, 0.26, 0.5, 0.7  # inches
_MOST = 20  # characters of an arm's name


def draw_scores(revealed: Revealed) -> Figure:
    """A line per question and arm: mean and 95 % interval, each case's mean as a faint tick."""
    questions = revealed.study.definition.questions
    lines = sum(1 + len([a for a in revealed.arms if a.question == q.key]) for q in questions)
    height = _HEAD + _LINE * lines + _FOOT
    figure = Figure(figsize=(_WIDTH, height))
    ax = figure.add_axes((0.3, _FOOT / height, 0.64, _LINE * lines / height))
    looks = dict(zip(revealed.study.definition.arms, LOOKS, strict=False))
    by_case = _case_means(revealed)
    place, names = 0.0, []
    for question in questions:
        ax.text(
            1,
            place,
            _plain(_short(question.text, 48)),
            size=_TEXT,
            weight="bold",
            color=_INK,
            va="center",
        )
        place += 1
        for arm in revealed.arms:
            if arm.question == question.key:
                _draw(ax, place, arm, by_case[question.key, arm.arm], looks[arm.arm])
                names.append((place, _short(arm.arm)))
                place += 1
    ax.set_yticks([at for at, _ in names], [_plain(name) for _, name in names], size=_TEXT)
    _frame(ax, lines)
    readers = len(revealed.progress)
    ax.set_title(
        _plain(_short(revealed.study.definition.name, 40)),
        size=_TITLE,
        weight="bold",
        color=_INK,
        loc="left",
    )
    note = f"{readers} reader{'s' * (readers > 1)}; mean, 95 % interval over cases, means of cases"
    figure.text(0.05, 0.06 / height, note, size=_NOTE, color=_GREY)
    return figure


def _case_means(revealed: Revealed) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for each in revealed.scored:
        asked = each.judgement.asked
        found[asked.question, each.arm, asked.case].append(each.score)
    means: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (question, arm, _), scores in found.items():
        means[question, arm].append(float(np.mean(scores)))
    return means


def _draw(ax: Axes, place: float, arm: ArmScore, cases: list[float], look: tuple[str, str]) -> None:
    colour, marker = look
    ax.plot(cases, [place] * len(cases), "|", color=colour, alpha=0.45, markersize=9)
    if arm.low is not None and arm.high is not None:
        ax.plot([arm.low, arm.high], [place, place], color=colour, linewidth=2)
    ax.plot(arm.mean, place, marker, color=colour, markersize=7, markeredgecolor="white")
    ax.text(5.12, place, f"{arm.mean:.2f}", size=_NOTE, color=_GREY, va="center", clip_on=False)


def _frame(ax: Axes, lines: int) -> None:
    ax.set(xlim=(0.9, 5.1), ylim=(lines - 0.5, -0.6))
    ax.set_xticks(SCORES)
    ax.set_xlabel("Score", size=_TEXT, color=_INK)
    ax.tick_params(axis="x", labelsize=_NOTE, colors=_GREY)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=_FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _short(text: str, most: int = _MOST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _plain(text: str) -> str:
    """As it is written: matplotlib reads $...$ as mathematics."""
    return text.replace("$", r"\$")
