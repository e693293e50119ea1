"""Figure 5 of "Erase to Enhance": quality over unlearning time, fits and Pareto front."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETDOWN
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.paper_runs import (
    SETS,
    find_oracle,
    label,
    single_runs,
    swept_runs,
)
from napari_unlearn.evaluation.paper_style import (
    FAINT,
    GREY,
    INK,
    NOTE,
    TEXT,
    TITLE,
    Mark,
    marks,
)
from napari_unlearn.evaluation.table import RunResult
from napari_unlearn.unlearning.events import EpochEnd

DEPTH = 4.0
"""How far below the reference the axis reaches [dB]: destroyed models would flatten the rest."""

WIDE = 8.0
"""Ratio of the longest to the shortest time from which on the axis is logarithmic."""

_LINES: dict[str, dict[str, Any]] = {
    "oracle": {"color": INK, "linewidth": 1.4, "linestyle": (0, (4, 2))},
    "original": {"color": GREY, "linewidth": 1.4, "linestyle": (0, (1, 1.5))},
}
_FRONT: dict[str, Any] = {"color": "#b9b9b9", "linewidth": 6, "alpha": 0.55, "zorder": 2}


@dataclass(frozen=True)
class TimePoint:
    """A model, and what it took to get it."""

    seconds: float
    psnr: float
    """BTA [dB]."""
    note: str = ""
    """Written beside the point, such as the retain fraction."""


Seconds = NDArray[np.float64]
Courses = Mapping[str, Sequence[TimePoint]]


def epoch_courses(
    results: Sequence[RunResult], histories: Mapping[str, Sequence[EpochEnd]]
) -> dict[str, list[TimePoint]]:
    """BTA after each epoch, by method; the end alone of a run that kept no events."""
    found = {}
    for result in single_runs(results):
        if result.name in ("original", "oracle"):
            continue
        points = [
            TimePoint(end.seconds, end.metrics[f"{SETS['BTA']}_psnr"])
            for end in histories.get(result.name, ())
            if f"{SETS['BTA']}_psnr" in end.metrics
        ]
        found[result.name] = points or _end(result)
    return {name: points for name, points in found.items() if points}


def fraction_courses(
    results: Sequence[RunResult], default_fraction: float | None = None
) -> dict[str, list[TimePoint]]:
    """BTA over the time that each retain fraction took, by method; see `swept_runs`."""
    found = {
        name: [p for f, run in runs.items() for p in _end(run, f"{100 * f:g} %")]
        for name, runs in swept_runs(results, default_fraction).items()
    }
    return {name: points for name, points in found.items() if points}


def _end(result: RunResult, note: str = "") -> list[TimePoint]:
    """The run as it was left; empty if its time or its quality is not known."""
    seconds = result.card.metrics.get("seconds")
    psnr = result.values(SETS["BTA"], "psnr")
    if seconds is None or not psnr.size:
        return []
    return [TimePoint(seconds, float(psnr.mean()), note)]


def fit_course(
    points: Sequence[TimePoint], logarithmic: bool = False
) -> Callable[[Seconds], NDArray[np.float64]] | None:
    """The second-degree polynomial nearest to the points, of time or of its logarithm.

    Returns:
        BTA [dB] over seconds; None for fewer than three times.
    """
    if len({point.seconds for point in points}) < 3:
        return None
    scale = np.log if logarithmic else np.asarray
    seconds = np.array([point.seconds for point in points])
    fit = Polynomial.fit(scale(seconds), [point.psnr for point in points], 2)
    return lambda times: fit(scale(times))


def pareto_front(points: Sequence[TimePoint]) -> list[TimePoint]:
    """Points that no other beats in time and quality at once, from the fastest on."""
    front: list[TimePoint] = []
    for point in sorted(points, key=lambda p: (p.seconds, -p.psnr)):
        if not front or point.psnr > front[-1].psnr:
            front.append(point)
    return front


def draw_courses(courses: Courses, results: Sequence[RunResult]) -> Figure:
    """BTA [PSNR, dB] over unlearning time, with a second-degree fit per method.

    The fit is in time, as the paper's, or in its logarithm where the axis is logarithmic.

    The broad line is the Pareto front over all methods: for every time the best BTA that
    was had by then. BTA says what was kept, not what was forgotten: read it beside the
    gaps of table 1. Models more than `DEPTH` below the oracle stand at the lower edge.

    Args:
        courses: by method.
        results: of the same experiment, for the lines of oracle and original.

    Raises:
        EvaluationError: if there is no course.
    """
    every = [point for points in courses.values() for point in points]
    if not every:
        raise EvaluationError("There is no run whose time and quality (BTA) are known.")
    levels = _levels(results)
    # As high as the legend, above three lines of notes.
    height = max(4.3, 1.0 + 0.22 * (len(courses) + len(levels) + 1))
    figure = Figure(figsize=(7.6, height))
    ax = figure.add_axes((0.085, 0.7 / height, 0.6, 1 - 1.05 / height))
    goal = levels.get("oracle", max(point.psnr for point in every))
    seen = [p.psnr for p in every if p.psnr >= goal - DEPTH] + list(levels.values())
    below = any(point.psnr < goal - DEPTH for point in every)
    room = max(max(seen) - min(seen), 0.5)
    # more room below for the words of the carets
    lowest = min(seen) - (0.2 if below else 0.1) * room
    _time_axis(ax, [point.seconds for point in every])
    ax.set_ylim(lowest, max(seen) + 0.1 * room)
    _levels_and_front(ax, levels, pareto_front([p for p in every if p.psnr >= lowest]))
    looks = marks(courses)
    for name, mark in looks.items():
        _course(ax, courses[name], mark, lowest)
    _dress(ax)
    _legend(figure, courses, looks, levels, top=1 - 0.28 / height)
    notes = ["Figures: at the end of each course."]
    if any(fit_course(points) is not None for points in courses.values()):
        where = " in log time" if ax.get_xscale() == "log" else ""
        notes.append(f"Curves: second-degree fits{where}.")
    if below:
        notes.append("Carets: below the axis.")
    figure.text(0.7, 0.13 / height, "\n".join(notes), size=NOTE, color=GREY, va="bottom")
    return figure


def _levels(results: Sequence[RunResult]) -> dict[str, float]:
    """BTA of oracle and original, where they are known."""
    original = next((result for result in results if result.name == "original"), None)
    known = {"oracle": find_oracle(results), "original": original}
    values = {name: result.values(SETS["BTA"], "psnr") for name, result in known.items() if result}
    return {name: float(psnr.mean()) for name, psnr in values.items() if psnr.size}


def _levels_and_front(ax: Axes, levels: Mapping[str, float], front: list[TimePoint]) -> None:
    for name, psnr in levels.items():
        ax.axhline(psnr, **_LINES[name], zorder=1)
    # the best so far stays the best until the end of the axis
    if not front:
        return
    seconds = [*(point.seconds for point in front), ax.get_xlim()[1]]
    best = [*(point.psnr for point in front), front[-1].psnr]
    ax.step(seconds, best, where="post", **_FRONT)


def _course(ax: Axes, points: Sequence[TimePoint], mark: Mark, lowest: float) -> None:
    fit = fit_course(points, ax.get_xscale() == "log")
    if fit is not None:
        seconds = [point.seconds for point in points]
        # dense where a logarithmic axis is wide
        times = min(seconds) + np.linspace(0, 1, 300) ** 2 * (max(seconds) - min(seconds))
        ax.plot(times, fit(times), color=mark.colour, linewidth=1.8, zorder=3)
    for point in points:
        inside = point.psnr >= lowest
        place = (point.seconds, point.psnr if inside else lowest)
        ax.plot(
            *place,
            # a caret whose tip touches the edge
            marker=mark.marker if inside else CARETDOWN,
            markersize=mark.size,
            markeredgecolor="white",
            markeredgewidth=0.8,
            color=mark.colour,
            linestyle="none",
            zorder=4,
        )
        if point.note:
            words = ax.annotate(
                point.note,
                place,
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                size=NOTE - 1,
                color=mark.colour,
                zorder=5,
            )
            words.set_path_effects([Stroke(linewidth=2.5, foreground="white"), Normal()])


def _time_axis(ax: Axes, times: Sequence[float]) -> None:
    """From zero, or logarithmic where methods differ by more than `WIDE`."""
    if min(times) > 0 and max(times) > WIDE * min(times):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlim(min(times) / 1.2, max(times) * 1.2)
    else:
        ax.set_xlim(0, 1.06 * max(times))


def _dress(ax: Axes) -> None:
    ax.set_xlabel("unlearning time (RTE) [s]", size=TEXT, color=INK)
    ax.set_ylabel("retain test, PSNR (BTA) [dB]", size=TEXT, color=INK)
    ax.set_title("Kept quality over unlearning time", size=TITLE, weight="bold", loc="left")
    ax.tick_params(labelsize=NOTE, colors=GREY)
    ax.grid(color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)


def _legend(
    figure: Figure,
    courses: Courses,
    looks: Mapping[str, Mark],
    levels: Mapping[str, float],
    top: float,
) -> None:
    """Beside the axes, best at the end first."""
    ends = {name: max(points, key=lambda p: p.seconds).psnr for name, points in courses.items()}
    handles = [
        Line2D([], [], label=f"{label(name)} {psnr:.2f} dB", **_LINES[name])
        for name, psnr in levels.items()
    ]
    handles += [
        Line2D(
            [],
            [],
            color=looks[name].colour,
            marker=looks[name].marker,
            markersize=looks[name].size,
            markeredgecolor="white",
            linewidth=1.8 if fit_course(courses[name]) is not None else 0,
            label=f"{label(name)} {ends[name]:.2f} dB",
        )
        for name in sorted(ends, key=lambda name: -ends[name])
    ]
    handles.append(Line2D([], [], label="Pareto front", **_FRONT))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.7, top),
        frameon=False,
        fontsize=TEXT,
        handlelength=2.2,
        labelspacing=0.65,
        borderaxespad=0,
    )
