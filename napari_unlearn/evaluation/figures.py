"""The picture of a comparison: reconstructions over error maps, highlights outlined.

After figure 1 of Xue et al., Erase to Enhance (MIDL 2024). Drawn with matplotlib's
objects alone: no window, no global state, any thread.
"""

import math
import textwrap
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from napari_unlearn.atomic import replacing
from napari_unlearn.evaluation.comparison import (
    KIND_VALUES,
    ArmResult,
    Comparison,
    Kind,
)
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.figure_layout import Layout
from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.evaluation.highlights import fate_arm

COLOURS: dict[Kind, str] = {"removed": "#35d07f", "remaining": "#ff4d4d", "introduced": "#ffb020"}
"""Green, red and orange; the line styles differ too, for the colour-blind."""

STYLES: dict[Kind, Literal["dashed", "solid", "dotted"]] = {
    "removed": "dashed",
    "remaining": "solid",
    "introduced": "dotted",
}

FORMATS = ("png", "svg", "pdf")

_INK: dict[Kind, str] = {"removed": "#178a4c", "remaining": "#cf2a2a", "introduced": "#b36b00"}
"""The same, dark enough for words on white."""
_GREY = "#444444"
_TITLE, _NUMBERS, _NOTE = 11, 9, 8  # points


def save_figure(comparison: Comparison, path: Path | str, index: int | None = None) -> Path:
    """Draw one slice and write it as PNG, SVG or PDF, by the file's suffix.

    Arguments as in `draw_figure`.

    Raises:
        EvaluationError: Another suffix, or no such slice.
        UnlearnError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise EvaluationError(
            f"{path.name}: a figure is written as {', '.join(FORMATS)}, not as '{path.suffix}'."
        )
    figure = draw_figure(comparison, index)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200, facecolor="white")
    return path


def draw_figure(comparison: Comparison, index: int | None = None) -> Figure:
    """Draw one slice of the reference and of every arm, with errors and highlights.

    Args:
        comparison: What `compare` yielded at last.
        index: Of the slice; None takes `busiest_slice`.

    Raises:
        EvaluationError: No such slice.
    """
    header = comparison.header
    if index is None:
        index = busiest_slice(comparison)
    if not 0 <= index < header.slices:
        raise EvaluationError(
            f"{header.name} has no slice {index}; 0 to {header.slices - 1} exist."
        )
    rows, columns = comparison.arms[0].images.shape[1:]
    aspect = header.voxel_size[1] / header.voxel_size[2]
    notes = _notes(comparison, width=44 * (len(comparison.arms) + 1))
    layout = Layout(len(comparison.arms) + 1, aspect * rows / columns, len(notes))
    figure = Figure(figsize=layout.size)
    limit, scale = _grey_limit(comparison, index), _error_limit(comparison, index)

    top, bottom = layout.axes(figure, 0, 0), layout.axes(figure, 1, 0)
    if comparison.reference is not None:
        _show(top, comparison.reference[index], limit)
    _title(top, _reference_title(comparison), f"slice {index} (0 to {header.slices - 1})")
    _legend(bottom, comparison)
    painted: AxesImage | None = None
    for column, arm in enumerate(comparison.arms, start=1):
        top, bottom = layout.axes(figure, 0, column), layout.axes(figure, 1, column)
        _show(top, arm.images[index], limit)
        _title(top, arm.name, _figures(arm, comparison, index))
        shown = comparison.marked(arm)
        if shown is not None:
            painted = bottom.imshow(shown[index], cmap="inferno", vmin=0, vmax=scale, aspect="auto")
        if arm.highlights is not None:
            _outline(top, arm.highlights[index], 1.4)
            _outline(bottom, arm.highlights[index], 1.0)
            _areas(bottom, arm, index)
    if painted is not None:
        _colour_bar(figure, painted, layout.bar_axes(figure), comparison)
    place = layout.margin / layout.size[0], 0.8 * layout.margin / layout.size[1]
    figure.text(*place, "\n".join(notes), size=_NOTE, va="bottom", color=_GREY)
    return figure


def busiest_slice(comparison: Comparison) -> int:
    """Find the slice with the largest highlighted area, the middle one if there is none."""
    marked = [arm.highlights > 0 for arm in comparison.arms if arm.highlights is not None]
    areas = sum(m.sum(axis=(1, 2)) for m in marked) if marked else np.zeros(1)
    return int(np.argmax(areas)) if np.any(areas) else comparison.header.slices // 2


def _grey_limit(comparison: Comparison, index: int) -> float:
    """One grey scale for all tiles, that of the reference."""
    images = comparison.arms[0].images if comparison.reference is None else comparison.reference
    brightest = float(np.nanpercentile(images[index], 99.7))
    return brightest if brightest > 0 else comparison.maximum


def _error_limit(comparison: Comparison, index: int) -> float:
    """One colour scale for all error maps, in steps of 5 % of the maximum."""
    shown = [comparison.marked(arm) for arm in comparison.arms]
    errors = [np.nan_to_num(values[index], nan=1) for values in shown if values is not None]
    largest = max((float(np.percentile(e, 99.8)) for e in errors), default=1.0)
    wanted = min(max(largest, 2 * comparison.threshold), 1.0)
    return max(math.ceil(wanted * 20) / 20, 0.05)


def _show(ax: Axes, image: NDArray[np.float32], limit: float) -> None:
    ax.imshow(image, cmap="gray", vmin=0, vmax=limit, aspect="auto")


def _outline(ax: Axes, highlights: NDArray[np.uint8], width: float) -> None:
    rows, columns = highlights.shape
    for kind, value in KIND_VALUES.items():
        inside = highlights == value
        if not inside.any():
            continue
        lines = ax.contour(
            np.arange(-1, columns + 1),
            np.arange(-1, rows + 1),
            np.pad(inside, 1),  # closes outlines at the border
            levels=[0.5],
            colors=COLOURS[kind],
            linestyles=STYLES[kind],
            linewidths=width,
        )
        lines.set_path_effects([Stroke(linewidth=width + 1.2, foreground="#000000a0"), Normal()])
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)


def _title(ax: Axes, title: str, below: str) -> None:
    _beside(ax, (0.5, 1), 19, title, _TITLE, "black", "bold")
    _beside(ax, (0.5, 1), 5, below, _NUMBERS, _GREY)


def _beside(
    ax: Axes,
    place: tuple[float, float],
    above: float,
    text: str,
    size: float,
    colour: str,
    weight: str = "normal",
) -> None:
    """Write `above` points off a place in a tile, so that it fits tiles of any height."""
    ax.annotate(
        text,
        place,
        xytext=(0, above),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        size=size,
        weight=weight,
        color=colour,
    )


def _areas(ax: Axes, arm: ArmResult, index: int) -> None:
    """Highlighted area of each kind on this slice, under the error map."""
    for place, kind in zip((1 / 6, 1 / 2, 5 / 6), KIND_VALUES, strict=True):
        area = sum(r.area for r in arm.regions if r.kind == kind and r.slice == index)
        _beside(ax, (place, 0), -11, f"{area:.0f} mm²", _NUMBERS, _INK[kind])
        _beside(ax, (place, 0), -21, kind, _NOTE, _INK[kind])


def _figures(arm: ArmResult, comparison: Comparison, index: int) -> str:
    if arm.slice_quality:
        quality = arm.slice_quality[index]
        return f"{quality.psnr:.1f} dB · SSIM {quality.ssim:.3f}"
    return "no reference" if comparison.reference is None else "the reference"


def _reference_title(comparison: Comparison) -> str:
    return "No reference" if comparison.reference is None else comparison.reference_name


def _legend(ax: Axes, comparison: Comparison) -> None:
    """Fill the empty tile under the reference: what the outlines mean."""
    if all(arm.highlights is None for arm in comparison.arms):
        return
    meaning: dict[Kind, str] = {
        "removed": "removed: the original's,\nabsent here",
        "remaining": "remaining: the original's,\nhere too",
        "introduced": "introduced: here only",
    }
    ax.legend(
        handles=[
            Line2D([], [], color=COLOURS[k], linestyle=STYLES[k], linewidth=2, label=meaning[k])
            for k in KIND_VALUES
        ],
        loc="center left",
        fontsize=_NUMBERS,
        title="Highlights",
        title_fontproperties={"size": _NUMBERS, "weight": "bold"},
        alignment="left",
        frameon=False,
        handlelength=2.8,
        labelspacing=0.9,
        borderaxespad=0.0,
        borderpad=0.0,
    )


def _notes(comparison: Comparison, width: int) -> list[str]:
    seen = f"{comparison.mask.sum() / comparison.mask.size:.0%} of the k-space columns acquired"
    notes = [f"{comparison.header.name}, {seen}."]
    if not math.isnan(comparison.threshold):
        notes.append(
            f"Outlined: {_quantity(comparison)[0]} above {_level(comparison)} "
            f"({comparison.threshold_from}) on at least {comparison.minimal_area:.0f} mm²."
        )
    judge = fate_arm(comparison)
    if judge is not None:
        notes.append(f"The original's own regions are coloured by their fate in {judge.name}.")
    return textwrap.wrap(" ".join([*notes, *comparison.remarks]), width)


def _quantity(comparison: Comparison) -> tuple[str, str]:
    """What the lower row shows, and of what its numbers are percentages."""
    if comparison.mode == "error":
        return "|error|", "the maximum"
    mode = MODES[comparison.mode]
    lam = "" if comparison.lam is None else f" (λ = {comparison.lam:.2g})"
    return f"{mode.title}{lam}", "Nyquist" if mode.name == "sfrc" else "the maximum"


def _level(comparison: Comparison) -> str:
    return f"{comparison.threshold:.1%} of {_quantity(comparison)[1]}"


def _colour_bar(figure: Figure, image: AxesImage, ax: Axes, comparison: Comparison) -> None:
    ax.set_axis_on()
    bar = figure.colorbar(image, cax=ax)
    name, whole = _quantity(comparison)
    bar.set_label(f"{name} [% of {whole}]", size=_NUMBERS)
    bar.formatter = FuncFormatter(lambda value, _: f"{100 * value:.3g}")
    bar.update_ticks()
    ax.tick_params(labelsize=_NOTE)
    if comparison.threshold < image.get_clim()[1]:
        ax.axhline(comparison.threshold, color="white", linewidth=1.5)
