"""Colours that people without red or green cones can tell apart as well."""

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_unlearn.mri.subject3d import Structure
from napari_unlearn.viewer.segment_colours import (
    DISAGREEMENT_COLOURS,
    OUTERMOST,
    STRUCTURE_COLOURS,
    structure_colormap,
    structure_colour,
)

# Machado, Oliveira & Fernandes, IEEE TVCG 2009, severity 1; rows act on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "without red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "without green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def _seen(colour, sight):
    """CIELAB of a colour as somebody sees it."""
    coded = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(SIGHTS[sight] @ linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(coded)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("colours", [STRUCTURE_COLOURS, DISAGREEMENT_COLOURS])
def test_any_two_colours_can_be_told_apart(colours, sight):
    # 2.3 is just noticeable side by side; thin structures under an overlay need far more.
    for one, other in combinations(colours.values(), 2):
        assert deltaE_ciede2000(_seen(one, sight), _seen(other, sight)) > 15, (one, other)


def test_every_structure_has_its_colour():
    assert set(STRUCTURE_COLOURS) == set(Structure) - {Structure.BACKGROUND}
    assert structure_colour(17).startswith("#")


def test_one_structure_alone_even_if_it_is_left_out_otherwise():
    def shown(colormap):
        return {label for label, colour in colormap.color_dict.items() if label and colour[3] > 0}

    assert shown(structure_colormap((1, 3, 5))) == {1, 3, 5}
    assert shown(structure_colormap((1, 3, 5), hidden=(OUTERMOST,))) == {1, 3}
    assert shown(structure_colormap((1, 3, 5), only=3)) == {3}
    assert shown(structure_colormap((1, 3, 5), only=OUTERMOST, hidden=(OUTERMOST,))) == {5}
