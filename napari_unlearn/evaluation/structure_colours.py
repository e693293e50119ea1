"""Colours of structures: one place for layers, tables, legends and pages.

Chosen for the largest smallest distance between any two, as people with normal sight, without
red cones and without green cones see them (tests/viewer/test_segment_colours.py).
"""

from napari_unlearn.mri.subject3d import Structure

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


def structure_colour(label: int) -> str:
    """Colour of a label; values that MRBrainS18 does not know share those that it does."""
    known = list(STRUCTURE_COLOURS.values())
    return STRUCTURE_COLOURS.get(label) or known[(label - 1) % len(known)]
