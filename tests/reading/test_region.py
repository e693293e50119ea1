"""Regions keep their corners, millimetres and area through a line of text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unlearn.reading.region import Region, regions_from, regions_text

places = st.floats(-500, 500)
corners = st.lists(st.tuples(places, places), min_size=3, max_size=12)


@given(st.sampled_from(["rectangle", "polygon"]), st.integers(0, 99), corners)
def test_text_and_back(shape, index, vertices):
    region = Region.drawn(shape, index, vertices, (5.0, 2.0, 0.5))
    assert regions_from(regions_text([region, region])) == (region, region)
    assert "\n" not in regions_text([region])


def test_millimetres_and_area_of_a_rectangle_on_oblong_pixels():
    region = Region.drawn("rectangle", 3, [(1, 2), (1, 6), (4, 6), (4, 2)], (5.0, 2.0, 0.5))
    assert region.mm == ((2, 1), (2, 3), (8, 3), (8, 1))
    assert region.area_mm2 == 12


def test_a_triangle_has_half_the_area_whichever_way_round():
    for corners in ([(0, 0), (0, 4), (3, 0)], [(3, 0), (0, 4), (0, 0)]):
        assert Region.drawn("polygon", 0, corners, (1, 1, 1)).area_mm2 == 6


@pytest.mark.parametrize(
    "text", ["x", "[1]", "{}x", '[{"shape": "polygon"}]', "[" * 100_000, "3", "null"]
)
def test_anything_else_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  the journal says where
        regions_from(text)


def test_infinite_corners_are_none():
    entry = json.loads(regions_text([Region.drawn("polygon", 0, [(0, 0)] * 3, (1, 1, 1))]))[0]
    entry["pixels"][0][0] = 1e999
    with pytest.raises(ValueError, match="infinite"):
        regions_from(json.dumps([entry]))
