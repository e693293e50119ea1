from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_unlearn.evaluation.comparison import KIND_VALUES, Region
from napari_unlearn.mri.scan import Header
from napari_unlearn.viewer.marks import COLOURS, draw, labels, outlines, tally, worst_colour
from napari_unlearn.viewer.tile import outline_layer

HIGHLIGHTS = np.zeros((3, 96, 96), np.uint8)


def _region(kind, box=(10, 20, 16, 30)):
    centre = ((box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2)
    return Region(1, kind, 2, centre, box, 100.0, 0.2)


def outline(region):
    [curve] = outlines(region, HIGHLIGHTS)
    return curve


@pytest.mark.parametrize("kind", list(COLOURS))
def test_outline_is_closed_lies_on_its_slice_and_surrounds_the_region(kind):
    curve = outline(_region(kind))
    assert np.allclose(curve[0], curve[-1])
    assert set(curve[:, 0]) == {2.0}
    assert curve[:, 1].min() < 10
    assert curve[:, 1].max() > 15
    assert curve[:, 2].min() < 20
    assert curve[:, 2].max() > 29


def test_kinds_differ_in_shape_not_only_in_colour():
    corners = {kind: len(outline(_region(kind))) for kind in COLOURS}
    assert corners["removed"] > 20
    rectangle, diamond = outline(_region("remaining")), outline(_region("introduced"))
    assert np.ptp(rectangle[:2, 1]) == 0  # its first edge is horizontal
    assert np.ptp(diamond[:2, 1]) > 0
    assert len(set(COLOURS.values())) == 3


def _length(curve):
    return np.hypot(*np.diff(curve[:, 1:], axis=0).T).sum()


def test_what_remains_is_framed_twice():
    double = outline(_region("remaining", (30, 30, 50, 50)))
    frame = double[:5]
    assert np.allclose(frame[0], frame[-1])
    assert _length(double) > 1.8 * _length(frame)
    inner = double[5:10, 1:]
    assert (inner.min(axis=0) < 30 - 1).all(), "the inner frame leaves the region free as well"
    assert (inner.max(axis=0) > 49 + 1).all()


def test_large_regions_differ_in_the_stroke_that_traces_them():
    highlights = HIGHLIGHTS.copy()
    lengths = {}
    for kind in COLOURS:
        highlights[2, 20:70, 10:80] = KIND_VALUES[kind]
        _, contour = outlines(_region(kind, (20, 10, 70, 80)), highlights)
        lengths[kind] = _length(contour)
    assert lengths["remaining"] > 1.9 * lengths["removed"], "two lines"
    assert 1.2 * lengths["removed"] < lengths["introduced"] < 1.6 * lengths["removed"], "teeth"


def test_outlines_grow_with_the_image_so_that_a_fine_one_can_still_be_read():
    fine = np.zeros((3, 384, 384), np.uint8)
    [small] = outlines(_region("remaining", (10, 20, 11, 21)), HIGHLIGHTS)
    [large] = outlines(_region("remaining", (10, 20, 11, 21)), fine)
    assert np.ptp(large[:, 1]) == pytest.approx(4 * np.ptp(small[:, 1]), rel=0.05)


def _lines(profile):
    """How often a profile enters something that stands out."""
    return int((np.diff(profile.astype(int)) == 1).sum())


def test_painted_in_grey_no_two_kinds_look_alike(make_napari_viewer):
    """On mid-grey, as brain is: other lines, in number or in thickness and lightness."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 1000)
    header = Header("scan", 1, 2, 96, 96, 96, 96, (1.0, 1.0, 1.0), source="scan.h5")
    viewer.add_image(np.full((1, 96, 96), 0.35, np.float32), contrast_limits=(0, 1))
    layer = outline_layer(header)
    viewer.add_layer(layer)
    regions = [
        Region(number, kind, 0, (47.5, left + 5.5), (40, left, 56, left + 12), 192.0, 0.2)
        for number, (kind, left) in enumerate(zip(COLOURS, (10, 42, 74), strict=True), 1)
    ]
    draw(layer, regions, np.zeros((1, 96, 96), np.uint8))
    viewer.reset_view()
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3] @ (0.299, 0.587, 0.114)
    background = np.median(picture[picture > 20])
    rows, columns = np.nonzero(picture > 20)
    picture = picture[rows.min() : rows.max(), columns.min() : columns.max()]
    looks = []
    for third in np.array_split(picture, 3, axis=1):
        middle = third[len(third) // 2]
        ink = middle - background > 25
        lines = _lines(ink)
        looks.append((lines, ink.sum() / lines, middle[ink].max()))
    (_, thin, dark), _, (_, thick, light) = looks
    assert [lines for lines, _, _ in looks] == [2, 4, 2]
    assert thick > 1.5 * thin, "new ones have thicker lines than removed ones"
    assert light - dark > 20, "and lighter ones"


def _layer(regions, **options):
    layer = outline_layer(Header("scan", 3, 2, 96, 96, 96, 96, (1.0, 1.0, 1.0), source="scan.h5"))
    draw(layer, regions, HIGHLIGHTS, **options)
    return layer


def test_a_shadow_lies_under_a_verdict_and_under_nothing_else():
    verdict = _layer([_region("removed")])
    widths, colours = verdict.edge_width, verdict.edge_color
    assert widths[0] > widths[1]
    assert colours[0][:3].max() == 0 < colours[0][3] < 1
    assert list(verdict.features["sign"]) == [" ", "removed"]
    assert _layer([_region("removed")], neutral=True).nshapes == 1
    assert _layer([_region("removed")] * 8).nshapes == 8


def test_the_largest_of_each_kind_on_a_slice_is_named():
    regions = [_region("removed"), replace(_region("removed"), area=300.0), _region("remaining")]
    assert labels(regions) == ["✓", "removed", "remaining"]
    assert labels([*regions, replace(_region("removed"), slice=0)])[-1] == "removed"


def test_where_two_words_would_overlap_the_graver_is_written():
    near = [_region("removed", (20, 30, 26, 40)), _region("remaining", (21, 33, 27, 43))]
    written = [sign for sign in _layer(near).features["sign"] if sign.strip()]
    assert written == ["✓", "remaining"]
    apart = [_region("removed", (20, 30, 26, 40)), _region("remaining", (60, 33, 66, 43))]
    written = [sign for sign in _layer(apart).features["sign"] if sign.strip()]
    assert written == ["removed", "remaining"]


def test_on_the_original_signs_do_for_words():
    assert labels([_region("removed"), _region("remaining")], named=False) == ["✓", "!"]


@pytest.mark.parametrize(
    ("column", "side"), [(4, "upper_left"), (40, "upper_left"), (80, "upper_right")]
)
def test_words_run_towards_the_middle_of_the_image(column, side):
    layer = _layer([_region("remaining", (10, column, 16, column + 8))])
    assert layer.text.anchor == side


def test_in_a_crowd_only_the_largest_are_named():
    crowd = [replace(_region("introduced"), area=float(size)) for size in range(8)]
    assert labels(crowd) == [" "] * 7 + ["new"]


def test_a_single_pixel_still_gets_an_outline_one_can_see():
    curve = outline(_region("remaining", (10, 20, 11, 21)))
    assert np.ptp(curve[:, 1]) >= 6


@pytest.mark.parametrize("kind", list(COLOURS))
def test_a_large_region_is_traced_and_keeps_its_shape_as_a_badge(kind):
    region = _region(kind, (20, 10, 70, 80))
    highlights = HIGHLIGHTS.copy()
    highlights[2, 20:70, 10:80] = KIND_VALUES[kind]
    badge, contour = outlines(region, highlights)
    assert np.ptp(badge[:, 1]) == pytest.approx(8)
    assert (contour[:, 1].min(), contour[:, 1].max()) == (19.5, 69.5)
    assert (contour[:, 2].min(), contour[:, 2].max()) == (9.5, 79.5)


def test_in_a_crowd_a_wide_region_is_traced_so_that_anatomy_stays_visible():
    region = _region("introduced", (20, 10, 44, 34))
    highlights = HIGHLIGHTS.copy()
    highlights[2, 20:44, 10:34] = KIND_VALUES["introduced"]
    assert len(outlines(region, highlights)) == 1
    assert len(outlines(region, highlights, crowded=True)) == 2


def test_tally_and_its_colour_name_the_gravest_kind():
    regions = [_region("removed"), _region("introduced")]
    assert tally(regions) == "○ 1 removed  ◇ 1 new"
    assert worst_colour(regions) == COLOURS["introduced"]
    assert tally([]) == "nothing highlighted"
