"""The losses that an attacker sees: forgotten people and strangers, run by run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.result import Audit, RunAudit
from napari_unlearn.evaluation.paper_style import FAINT, GREY, INK, NOTE, TEXT, TITLE

WIDTH = 7.2
"""[inches]"""
_LINE, _HEAD, _FOOT = 0.5, 0.45, 0.75
"""Heights of a run's line, of the title and of the axis' words [inches]."""
MEMBER, OTHER = "#d55e00", "#0072b2"
"""Of Okabe and Ito; markers differ too."""


def draw_losses(audit: Audit, shown: Sequence[str] | None = None) -> Figure:
    """Two rows of marks per run, one per person: the mean loss of each, and the median.

    Where the rows of a run lie alike the attack is blind. The oracle's show how they should lie.

    Args:
        audit: with runs.
        shown: names of runs, from top to bottom; None takes all.

    Raises:
        AuditError: if none of them is there.
    """
    runs = [run for run in audit.runs if shown is None or run.name in shown]
    if not runs:
        raise AuditError("None of these runs is in the audit; there is nothing to draw.")
    height = _HEAD + _LINE * len(runs) + _FOOT
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0.24, _FOOT / height, 0.73, _LINE * len(runs) / height))
    for place, run in enumerate(runs):
        _draw(ax, place, run)
    _frame(ax, runs, audit)
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=MEMBER, label="forgotten people"),
        Line2D([], [], linestyle="none", marker="x", color=OTHER, label="strangers (hold-out)"),
    ]
    figure.legend(handles=handles, loc="lower left", ncol=2, fontsize=NOTE, frameon=False)
    return figure


def _draw(ax: Axes, place: int, run: RunAudit) -> None:
    sides = (("forget", -0.18, MEMBER, "o"), ("other", 0.18, OTHER, "x"))
    for label, offset, colour, marker in sides:
        values = [float(np.mean(v)) for who, v in run.losses.items() if who.startswith(label)]
        height = place + offset
        ax.plot(values, [height] * len(values), marker, color=colour, alpha=0.6, markersize=5)
        middle = float(np.median(values))
        ax.plot([middle, middle], [height - 0.14, height + 0.14], color=INK, linewidth=1.5)


def _frame(ax: Axes, runs: Sequence[RunAudit], audit: Audit) -> None:
    names = [f"{run.name}\nAUC {run.auc.value:.2f}" for run in runs]
    ax.set_yticks(range(len(runs)), names, size=NOTE, color=INK)
    ax.set_ylim(len(runs) - 0.5, -0.5)
    for place in range(1, len(runs)):
        ax.axhline(place - 0.5, color=FAINT, linewidth=0.8)
    what = "1 − SSIM" if audit.samples == "slice" else "mean cross-entropy of the patches"
    ax.set_xscale("log")
    ax.set_xlabel(f"Loss of each person ({what})", size=TEXT, color=INK)
    ax.set_title("What an attacker sees", size=TITLE, weight="bold", color=INK)
    ax.tick_params(axis="x", labelsize=NOTE, colors=GREY)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
