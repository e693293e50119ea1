"""What somebody outlined, said in a line or in a file."""

import json

import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.evaluation.outline import read_outline

SHAPE = (8, 10)
SQUARE = [[2, 1], [6, 1], [6, 4], [2, 4], [2, 1]]  # columns 2 to 6, rows 1 to 4


def _file(tmp_path, entry):
    path = tmp_path / "outline.geojson"
    path.write_text(json.dumps(entry))
    return str(path)


def test_a_rectangle_is_rows_then_columns_without_its_ends():
    inside = read_outline("1:4, 2:7", SHAPE)
    assert inside.shape == SHAPE
    assert sorted(set(np.nonzero(inside)[0])) == [1, 2, 3]
    assert sorted(set(np.nonzero(inside)[1])) == [2, 3, 4, 5, 6]


def test_a_polygons_corners_are_columns_then_rows(tmp_path):
    inside = read_outline(_file(tmp_path, {"type": "Polygon", "coordinates": [SQUARE]}), SHAPE)
    assert inside[2, 3]
    assert inside[3, 5]
    assert not inside[5].any()
    assert not inside[:, :2].any()


def test_polygons_of_a_collection_add_up_and_holes_are_left_out(tmp_path):
    far = [[[8, 6], [9.5, 6], [9.5, 7.5], [8, 7.5]]]
    hole = [[3, 1.5], [4.5, 1.5], [4.5, 2.5], [3, 2.5]]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE, hole]}},
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [far]}},
    ]
    collection = {"type": "FeatureCollection", "features": features}
    inside = read_outline(_file(tmp_path, collection), SHAPE)
    assert inside[3, 3]
    assert inside[7, 9]
    assert not inside[2, 4]


@pytest.mark.parametrize("text", ["8:9,0:3", "3:3,0:5", "1,2,3,4", "square", "no.nii"])
def test_what_is_no_region_of_the_image_is_refused_in_a_sentence(text):
    with pytest.raises(WrongUse, match="accepted: a rectangle"):
        read_outline(text, SHAPE)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]},
        {"type": "Polygon", "coordinates": [[[1, 2], [3, "x"], [4, 5]]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Feature", "geometry": None},
    ],
)
def test_a_file_without_polygons_is_refused_in_a_sentence(tmp_path, entry):
    with pytest.raises(WrongUse, match="not an outline"):
        read_outline(_file(tmp_path, entry), SHAPE)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnlearnError, match=r"none\.json: cannot be read"):
        read_outline(str(tmp_path / "none.json"), SHAPE)
