"""Dice of every structure on the forget subjects: what original, oracle and others still know."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.paper_style import FAINT, GREY, INK, NOTE, TEXT, TITLE, Mark, marks
from napari_unlearn.evaluation.subject_results import SubjectResult
from napari_unlearn.evaluation.subject_runs import variant_of

WIDTH = 7.2
"""[inches]"""
_LINE, _HEAD, _FOOT = 0.17, 0.45, 0.55
"""Heights of a run's line, of the title and of the axis' words [inches]."""

Scores = Mapping[str, Sequence[float]]
"""Dice of a set's subjects by structure."""


def draw_structures(
    results: Sequence[SubjectResult], shown: Sequence[str], set_name: str = "forget"
) -> Figure:
    """A line per structure and run: its mean over a set's subjects, and each subject faintly.

    Structures stand from top to bottom in the order of their labels, runs within each in the
    order given. A structure that a subject does not have is left out of its mean.

    Args:
        results: of one experiment.
        shown: names of the runs; those that are not there are left out.
        set_name: whose subjects.

    Raises:
        EvaluationError: if nothing of it was measured.
    """
    found = {result.name: result.structures(set_name) for result in results}
    runs = [name for name in shown if found.get(name)]
    scores: dict[str, Scores] = {
        run: {n: [s.dice for s in own if s.dice is not None] for n, own in found[run].items()}
        for run in runs
    }
    labels = {s.name: s.label for run in runs for own in found[run].values() for s in own}
    measured = {name for own in scores.values() for name, values in own.items() if values}
    names = sorted(measured, key=labels.__getitem__)
    if not names:
        raise EvaluationError(f"No Dice was measured on the {set_name} subjects of these runs.")
    # One empty line between two structures.
    lines, foot = len(names) * (len(runs) + 1), _FOOT + _LINE * len(runs)
    height = _HEAD + lines * _LINE + foot
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0.29, foot / height, 0.68, lines * _LINE / height))
    looks = marks(runs)
    for number, run in enumerate(runs):
        places = {name: place * (len(runs) + 1) + number for place, name in enumerate(names)}
        _draw(ax, places, scores[run], looks[run])
    _frame(ax, names, len(runs))
    ax.set_title(f"Structures of the {set_name} subjects", size=TITLE, weight="bold", color=INK)
    handles = [
        Line2D([], [], linestyle="none", label=variant_of(run).label, **_style(looks[run]))
        for run in runs
    ]
    figure.legend(handles=handles, loc="lower left", fontsize=NOTE, frameon=False)
    return figure


def _draw(ax: Axes, places: Mapping[str, int], scores: Scores, look: Mark) -> None:
    for name, place in places.items():
        values = scores.get(name, ())
        if values:
            ax.plot([min(values), max(values)], [place, place], color=look.colour, alpha=0.5)
            ax.plot(values, [place] * len(values), "|", color=look.colour, alpha=0.7)
            ax.plot(float(np.mean(values)), place, linestyle="none", **_style(look))


def _style(look: Mark) -> dict:
    return {"color": look.colour, "marker": look.marker, "markersize": 0.8 * look.size}


def _frame(ax: Axes, names: Sequence[str], runs: int) -> None:
    middles = [place * (runs + 1) + (runs - 1) / 2 for place in range(len(names))]
    ax.set_yticks(middles, names, size=TEXT, color=INK)
    for middle in middles[1:]:
        ax.axhline(middle - (runs + 1) / 2, color=FAINT, linewidth=0.8)
    ax.set(xlim=(-0.02, 1.02), ylim=(len(names) * (runs + 1) - 1, -1))
    ax.set_xlabel("Dice", size=TEXT, color=INK)
    ax.tick_params(axis="x", labelsize=NOTE, colors=GREY)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
