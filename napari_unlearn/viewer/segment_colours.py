"""Structures and disagreement as napari colours labels."""

from collections.abc import Collection

from napari.utils.colormaps import DirectLabelColormap

from napari_unlearn.evaluation.structure_colours import STRUCTURE_COLOURS as STRUCTURE_COLOURS
from napari_unlearn.evaluation.structure_colours import structure_colour as structure_colour
from napari_unlearn.mri.subject3d import Structure
from napari_unlearn.viewer.segment_result import EXTRA, MISSING, OTHER

DISAGREEMENT_COLOURS: dict[int, str] = {
    MISSING: "#56B4E9",
    EXTRA: "#FF7A00",
    OTHER: "#FFFFFF",
}

OUTERMOST = int(Structure.CSF)
"""Wraps the brain, so that a surface of everything would show nothing else."""

_CLEAR = "transparent"


def structure_colormap(
    labels: Collection[int], only: int | None = None, hidden: Collection[int] = ()
) -> DirectLabelColormap:
    """Colours of the labels that occur.

    Args:
        labels: Values in the label map; the background needs no mention.
        only: The one structure to show; None shows all.
        hidden: Structures to leave out, unless one of them is the one to show.
    """
    shown = [label for label in labels if label == only or (only is None and label not in hidden)]
    return _colormap({label: structure_colour(label) for label in shown if label})


def disagreement_colormap() -> DirectLabelColormap:
    """Colours of what is missing, extra, or another structure."""
    return _colormap(DISAGREEMENT_COLOURS)


def _colormap(colours: dict[int, str]) -> DirectLabelColormap:
    shown: dict[int | None, str] = {0: _CLEAR, None: _CLEAR}
    for label, colour in colours.items():
        shown[label] = colour
    return DirectLabelColormap(color_dict=shown)
