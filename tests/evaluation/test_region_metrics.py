import math
from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.image_quality import slice_quality
from napari_unlearn.evaluation.region_metrics import (
    DrawnRegion,
    ellipse_outline,
    measure_region,
    region_mask,
)
from tests.evaluation.synthetic import comparison

SQUARE = ((9.5, 19.5), (9.5, 29.5), (19.5, 29.5), (19.5, 19.5))
"""Pixels 10 to 19 of the rows, 20 to 29 of the columns."""

WHOLE = ((-1.0, -1.0), (-1.0, 64.0), (64.0, 64.0), (64.0, -1.0))


def test_a_mask_holds_the_pixels_whose_centres_lie_inside():
    mask = region_mask(SQUARE, (64, 64))
    expected = np.zeros((64, 64), bool)
    expected[10:20, 20:30] = True
    np.testing.assert_array_equal(mask, expected)


def test_any_shape_can_be_a_region():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    disc = np.stack([30 + 10.3 * np.sin(angles), 25 + 10.3 * np.cos(angles)], axis=1)
    rows, columns = np.mgrid[:64, :64]
    expected = np.hypot(rows - 30, columns - 25) < 10.3
    assert (region_mask(disc, (64, 64)) != expected).sum() <= 4  # a polygon is no circle
    star = ((10, 30), (50, 40), (15, 50), (40, 25), (40, 55))
    assert 0 < region_mask(star, (64, 64)).sum() < 40 * 30


def test_what_lies_beyond_the_image_is_cut_off():
    assert region_mask(WHOLE, (64, 64)).all()
    assert not region_mask(np.array(SQUARE) + 100, (64, 64)).any()


def test_an_ellipse_may_be_turned():
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    box = np.array([[-12, -5], [-12, 5], [12, 5], [12, -5]], float) @ turn.T + (30, 30)
    mask = region_mask(ellipse_outline(box), (64, 64))
    along, across = np.moveaxis((np.stack(np.mgrid[:64, :64], axis=-1) - 30.0) @ turn, -1, 0)
    expected = (along / 12) ** 2 + (across / 5) ** 2 < 1
    assert (mask != expected).sum() <= 6
    assert mask.sum() == pytest.approx(np.pi * 12 * 5, rel=0.05)


@pytest.mark.parametrize(
    "corners", [((1, 1), (2, 2)), (1.0, 2.0, 3.0), ((0, 0), (1, np.nan), (2, 2))]
)
def test_what_encloses_nothing_is_a_sentence(corners):
    with pytest.raises(EvaluationError, match="outline"):
        region_mask(corners, (64, 64))


def test_figures_inside_are_those_of_numpy():
    found = comparison({"A": ("original", [(1, 12, 22, 4, 4, 0.25)]), "B": ("other", [])}, slices=3)
    generator = np.random.default_rng(0)
    noisy = found.arms[0].images + generator.normal(0, 0.02, found.arms[0].images.shape)
    noisy = noisy.astype(np.float32)
    found = replace(found, arms=(replace(found.arms[0], images=noisy), found.arms[1]))
    first, second = measure_region(found, DrawnRegion(1, SQUARE))
    x = noisy[1, 10:20, 20:30].astype(float)
    y = found.reference[1, 10:20, 20:30].astype(float)
    assert first.pixels == 100
    assert first.area == 100 * 2.0 * 2.0
    assert first.mean == pytest.approx(x.mean())
    assert first.mean_error == pytest.approx(np.abs(x - y).mean())
    assert first.bias == pytest.approx((x - y).mean())
    assert first.quality.psnr == pytest.approx(10 * np.log10(1 / np.mean((x - y) ** 2)), rel=1e-6)
    assert first.quality.nmse == pytest.approx(np.sum((x - y) ** 2) / np.sum(y**2), rel=1e-6)
    assert 0 < first.quality.ssim < 1
    assert second.quality.psnr == math.inf
    assert second.quality.ssim == pytest.approx(1)
    assert second.bias == 0


def test_errors_outside_a_region_do_not_count():
    found = comparison({"A": ("original", [(0, 40, 40, 4, 4, 0.5)])})
    (inside,) = measure_region(found, DrawnRegion(0, SQUARE))
    assert inside.mean_error == 0
    assert inside.quality.ssim == pytest.approx(1)


def test_a_region_that_is_the_slice_has_the_slices_figures():
    found = comparison({"A": ("original", [(1, 12, 22, 9, 9, 0.25)])}, slices=2)
    (inside,) = measure_region(found, DrawnRegion(1, WHOLE))
    expected = slice_quality(found.reference, found.arms[0].images, 1.0)[1]
    assert inside.quality.psnr == pytest.approx(expected.psnr)
    assert inside.quality.nmse == pytest.approx(expected.nmse)
    assert inside.quality.ssim == pytest.approx(expected.ssim)


def test_at_the_border_of_the_image_ssim_is_not_defined():
    found = comparison({"A": ("original", [(0, 0, 0, 2, 9, 0.25)])})
    edge = ((-0.5, -0.5), (-0.5, 20.5), (1.5, 20.5), (1.5, -0.5))
    (inside,) = measure_region(found, DrawnRegion(0, edge))
    assert math.isnan(inside.quality.ssim)
    assert inside.mean_error == pytest.approx(0.25 * 18 / 42)


def test_without_a_reference_there_is_a_mean_and_no_error():
    found = replace(comparison({"A": ("original", [])}), reference=None)
    (inside,) = measure_region(found, DrawnRegion(0, SQUARE))
    assert inside.mean == pytest.approx(found.arms[0].images[0, 10:20, 20:30].mean())
    assert (inside.mean_error, inside.bias, inside.quality) == (None, None, None)


def test_no_pixels_no_figures_and_no_slice_a_sentence():
    found = comparison({"A": ("original", [])})
    assert measure_region(found, DrawnRegion(0, ((0.2, 0.2), (0.2, 0.4), (0.4, 0.3)))) == ()
    with pytest.raises(EvaluationError, match="slices 0 to 0"):
        measure_region(found, DrawnRegion(4, SQUARE))
