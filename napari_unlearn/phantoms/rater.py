"""How the person who labelled a head draws the borders between structures."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from napari_unlearn.mri.subject3d import Structure

Rater = Literal["plain", "generous", "sparing"]
RATERS: tuple[Rater, ...] = get_args(Rater)

Labels = NDArray[np.uint8]


def drawn_by(rater: Rater, labels: Labels) -> Labels:
    """The label map as this rater would draw it, a new array.

    "plain" keeps the truth. "generous" draws cortex and lesions one voxel, basal ganglia two
    voxels into the white matter. "sparing" draws white matter one voxel into the grey, fluid
    one voxel into the cortex, and no white-matter lesions at all.
    """
    drawn = labels.copy()
    white = labels == Structure.WHITE
    if rater == "generous":
        drawn[white & _grown(labels, Structure.BASAL_GANGLIA, 2)] = Structure.BASAL_GANGLIA
        drawn[white & _grown(labels, Structure.CORTICAL_GREY)] = Structure.CORTICAL_GREY
        drawn[white & _grown(labels, Structure.LESION)] = Structure.LESION
    elif rater == "sparing":
        cortex = labels == Structure.CORTICAL_GREY
        grey = cortex | (labels == Structure.BASAL_GANGLIA)
        drawn[grey & _grown(labels, Structure.WHITE)] = Structure.WHITE
        drawn[labels == Structure.LESION] = Structure.WHITE
        drawn[cortex & _grown(labels, Structure.CSF)] = Structure.CSF
    return drawn


def _grown(labels: Labels, structure: Structure, voxels: int = 1) -> NDArray[np.bool_]:
    return binary_dilation(labels == structure, iterations=voxels)
