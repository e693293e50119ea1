import math

import numpy as np
import pytest

from napari_unlearn.evaluation.detection import ModeRecord, Place, score, sensitivities
from napari_unlearn.evaluation.planted import Structure

PIXELS = np.array([0.1, 0.3], np.float32), np.array([0.0, 0.1, 0.2, 0.2], np.float32)


def place(found, clean, kind="invented", way="plain", diameter=8.0, contrast=0.3):
    structure = Structure(kind, 10, 10, diameter, contrast, (1.0, 1.0))
    return Place(structure, way, found, clean, bhadra=0.25, bhadra_clean=0.05)


def record(*places, own=None):
    return ModeRecord("error", 0.15, places, *PIXELS, 0.004, 0.009, own)


def test_figures_of_places_are_those_of_the_threshold():
    found = score(record(place(0.3, 0.1), place(0.2, 0.1), place(0.1, 0.2), place(0.4, 0.0)))
    assert (found.oracle.sensitivity, found.oracle.specificity) == (0.75, 0.75)
    assert (found.bhadra.sensitivity, found.bhadra.specificity) == (0.5, 0.25)
    # of 16 pairs, the planted one is higher in all but (0.2, 0.2), half, (0.1, 0.1) twice, half,
    # and (0.1, 0.2)
    assert found.auroc == pytest.approx((16 - 0.5 - 2 * 0.5 - 1) / 16)


def test_figures_of_pixels_are_those_of_the_threshold():
    found = score(record(place(0.3, 0.1)))
    assert (found.pixels.sensitivity, found.pixels.specificity) == (0.5, 0.5)
    assert found.auroc_pixels == pytest.approx((1 + 0.5 + 4) / 8)


def test_ways_and_kinds_are_told_apart():
    found = score(record(place(0.3, 0.1), place(0.1, 0.3, "lost", "consistent")))
    assert (found.auroc_plain, found.auroc_consistent) == (1, 0)
    assert (found.auroc_invented, found.auroc_lost) == (1, 0)
    assert math.isnan(score(record(place(0.3, 0.1))).auroc_lost)


def test_a_mode_with_a_threshold_of_its_own_is_judged_by_it_too():
    assert score(record(place(0.3, 0.1))).own is None
    own = score(record(place(0.3, 0.1), place(0.2, 0.25), own=0.22)).own
    assert (own.sensitivity, own.specificity) == (0.5, 0.5)


def test_sensitivity_is_told_by_size_and_contrast_of_either_sign():
    found = sensitivities(
        record(place(0.3, 0.1), place(0.1, 0.1, contrast=-0.3), place(0.3, 0.1, diameter=14.0))
    )
    assert found == {(8.0, 0.3): 0.5, (14.0, 0.3): 1.0}
