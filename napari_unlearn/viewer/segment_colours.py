"""Colours of structures and of disagreement: one place for layers, tables and legends.

Chosen for the largest smallest distance between any two, as people with normal sight, without
red cones and without green cones see them (tests/viewer/test_segment_colours.py).
"""

from collections.abc import Collection

from napari.utils.colormaps import DirectLabelColormap

from napari_unlearn.mri.subject3d import Structure
from napari_unlearn.viewer.segment_result import EXTRA, MISSING, OTHER

STRUCTURE_COLOURS: dict[int, str] = {
    Structure.CORTICAL_GREY: "#FAB60E",
    Structure.BASAL_GANGLIA: "#682AA0",
    Structure.WHITE: "#FFF2B2",
    Structure.LESION: "#ED482C",
    Structure.CSF: "#66BAFF",
    Structure.VENTRICLE: "#2A75FF",
    Structure.CEREBELLUM: "#0DAE7A",
    Structure.BRAIN_STEM: "#6B3422",
    Structure.INFARCTION: "#FFBED2",
    Structure.OTHER: "#737272",
}

DISAGREEMENT_COLOURS: dict[int, str] = {
    MISSING: "#56B4E9",
    EXTRA: "#FF7A00",
    OTHER: "#FFFFFF",
}

OUTERMOST = int(Structure.CSF)
"""Wraps the brain, so that a surface of everything would show nothing else."""

_CLEAR = "transparent"


def structure_colour(label: int) -> str:
    """Colour of a label; values that MRBrainS18 does not know share those that it does."""
    known = list(STRUCTURE_COLOURS.values())
    return STRUCTURE_COLOURS.get(label) or known[(label - 1) % len(known)]


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
