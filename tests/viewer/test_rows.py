import math
from dataclasses import replace

from napari_unlearn.viewer.rows import (
    as_text,
    error_text,
    listed_regions,
    metric_rows,
    place_text,
    polarity_text,
)


def test_volume_figures_and_counts(comparison):
    assert metric_rows(comparison, None)[2] == (
        "Unlearned",
        "31.3",
        "0.894",
        "0.0123",
        "1",
        "1",
        "1",
    )


def test_slice_figures_and_counts(comparison):
    assert metric_rows(comparison, 0)[0] == ("Original", "30.0", "0.800", "0.0100", "0", "0", "0")
    assert metric_rows(comparison, 1)[0][4:] == ("1", "1", "0")


def test_arms_without_figures_say_so(without_reference):
    assert metric_rows(without_reference, None)[0][1:4] == ("–", "–", "–")


def test_regions_come_largest_first_and_not_twice(comparison):
    pairs = listed_regions(comparison)
    areas = [region.area for _, region in pairs]
    assert areas == sorted(areas, reverse=True)
    assert {arm.name for arm, _ in pairs} == {"Oracle", "Unlearned"}


def test_text_has_a_header_and_a_line_per_arm(comparison):
    lines = as_text(metric_rows(comparison, None), ",").splitlines()
    assert lines[0] == "Model,PSNR,SSIM,NMSE,removed,remaining,introduced"
    assert len(lines) == 4


def test_a_region_tells_its_error_its_polarity_and_its_place(comparison):
    region = replace(
        comparison.arms[2].regions[0],
        mean_error=-0.123,
        polarity="lost",
        place=(-12.4, 30.0, -5.0),
    )
    assert error_text(region) == "-12 %"
    assert polarity_text(region) == "lost"
    assert place_text(region) == "L 12 · A 30 · I 5"


def test_what_is_unknown_of_a_region_is_a_dash(comparison):
    region = replace(
        comparison.arms[2].regions[0], mean_error=math.nan, polarity="unknown", place=None
    )
    assert [error_text(region), polarity_text(region), place_text(region)] == ["–"] * 3
