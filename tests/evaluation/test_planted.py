from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.evaluation.planted import (
    CONTRASTS,
    DIAMETERS,
    Structure,
    body_of,
    draw_structures,
    plant,
    plant_departures,
)
from napari_unlearn.mri.arrays import root_sum_of_squares
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.subject import simulate_subject

SCAN = simulate_subject("brain", 5, slices=1)
TARGET, KSPACE, MAXIMUM = SCAN.targets[0], SCAN.kspaces[0], SCAN.maximum
PIXEL = SCAN.header.voxel_size[1:]
LINES = Sampling("equispaced", 4, 0.08).mask(96, 0).lines.numpy()
DISC = Structure("invented", 45.0, 30.0, 14.0, 0.3, PIXEL)


def drawn(seed=0, count=6):
    return draw_structures(TARGET, MAXIMUM, PIXEL, np.random.default_rng(seed), count)


def test_a_structure_adds_its_contrast_and_nothing_else():
    image = root_sum_of_squares(plant(KSPACE, [DISC], TARGET.shape, MAXIMUM))
    expected = TARGET + MAXIMUM * DISC.drawing(TARGET.shape)
    np.testing.assert_allclose(image, expected, atol=1e-4 * MAXIMUM)
    assert (image - TARGET)[45, 30] == pytest.approx(0.3 * MAXIMUM, rel=0.01)


def test_a_dark_structure_leaves_magnitudes():
    dark = replace(DISC, contrast=-0.9)
    image = root_sum_of_squares(plant(KSPACE, [dark], TARGET.shape, MAXIMUM))
    assert 0 < image[45, 30] < 0.1 * TARGET[45, 30]


def test_no_structure_leaves_k_space_as_it_is():
    assert plant(KSPACE, [], TARGET.shape, MAXIMUM) is KSPACE


def test_its_support_has_the_area_that_its_diameter_says():
    area = DISC.support(TARGET.shape).sum() * PIXEL[0] * PIXEL[1]
    assert area == pytest.approx(np.pi * 7**2, rel=0.1)


def test_in_a_cropped_image_it_lies_where_it_was_put():
    shape = (80, 64)
    image = root_sum_of_squares(plant(KSPACE, [replace(DISC, row=40)], shape, MAXIMUM))
    added = (image - TARGET)[8:88, 16:80]
    assert added[40, 30] == pytest.approx(0.3 * MAXIMUM, rel=0.01)


def test_the_same_seed_draws_the_same_structures():
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_structures_lie_in_the_body_and_apart_and_take_turns():
    seen = set()
    for seed in range(20):
        structures = drawn(seed)
        supports = [each.support(TARGET.shape) for each in structures]
        body = body_of(TARGET, MAXIMUM)
        assert all((body | ~support).all() for support in supports)
        assert np.sum(supports, axis=0).max() == 1
        seen |= {(e.kind, e.diameter, e.contrast > 0) for e in structures}
        assert all(abs(e.contrast) in CONTRASTS and e.diameter in DIAMETERS for e in structures)
    assert len(seen) == 2 * len(DIAMETERS) * 2


def test_where_there_is_no_body_there_is_no_structure():
    nothing = np.zeros_like(TARGET)
    assert draw_structures(nothing, 1.0, PIXEL, np.random.default_rng(0)) == ()


def departures(way):
    both = [DISC, replace(DISC, kind="lost", column=62.0)]
    return plant_departures(KSPACE, KSPACE, LINES, both, TARGET.shape, MAXIMUM, way)


def test_a_perfect_reconstruction_then_departs_by_what_was_planted():
    planted = departures("plain")
    image, truth = root_sum_of_squares(planted.kspace), root_sum_of_squares(planted.truth)
    assert (image - truth)[45, 30] == pytest.approx(0.3 * MAXIMUM, rel=0.01)
    assert (image - truth)[45, 62] == pytest.approx(-0.3 * MAXIMUM, rel=0.01)


@pytest.mark.parametrize("diameter", DIAMETERS)
def test_part_of_a_consistent_structure_is_left_at_any_size(diameter):
    disc = replace(DISC, diameter=diameter)
    planted = plant_departures(KSPACE, KSPACE, LINES, [disc], TARGET.shape, MAXIMUM, "consistent")
    left = np.abs(root_sum_of_squares(planted.kspace) - TARGET)[disc.support(TARGET.shape)]
    assert 0.3 < left.max() / (0.3 * MAXIMUM) < 0.6


def test_consistent_departures_agree_with_the_measured_lines():
    planted = departures("consistent")
    against = np.abs(planted.kspace - planted.truth)
    assert against[..., LINES].max() < 1e-4 * against.max()
    plain = departures("plain")
    assert np.abs(plain.kspace - plain.truth)[..., LINES].max() > 0.1 * against.max()
