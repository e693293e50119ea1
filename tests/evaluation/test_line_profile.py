import numpy as np
import pytest

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.line_profile import DrawnLine, line_profile
from tests.evaluation.synthetic import comparison


def test_a_profile_reads_what_lies_under_the_line():
    found = comparison({"A": ("original", [(1, 30, 30, 4, 4, 0.5)])}, slices=2)
    profile = line_profile(found, DrawnLine(1, ((31.0, 10.0), (31.0, 50.0))))
    assert list(profile.values) == ["Ground truth", "A"]
    assert profile.distance[0] == 0
    assert profile.distance[-1] == pytest.approx(40 * 2.0)  # pixels of 2 mm
    columns = 10 + profile.distance / 2.0
    for name, volume in (("Ground truth", found.reference), ("A", found.arms[0].images)):
        expected = np.interp(columns, np.arange(64), volume[1, 31])
        np.testing.assert_allclose(profile.values[name], expected, atol=1e-6)
    assert np.diff(profile.distance).max() <= 1.0 + 1e-9


def test_a_bent_line_is_followed_around_its_corners():
    found = comparison({"A": ("original", [])}, voxel_size=(5.0, 3.0, 2.0))
    profile = line_profile(found, DrawnLine(0, ((10, 10), (10, 20), (30, 20))))
    assert profile.distance[-1] == pytest.approx(10 * 2.0 + 20 * 3.0)
    assert profile.values["A"][0] == pytest.approx(0.2)
    assert profile.values["A"][-1] == pytest.approx(1.0)


def test_intensities_are_fractions_of_the_maximum():
    from dataclasses import replace

    found = replace(comparison({"A": ("original", [])}), maximum=4.0)
    profile = line_profile(found, DrawnLine(0, ((32, 20), (32, 40))))
    np.testing.assert_allclose(profile.values["A"], 0.25)


@pytest.mark.parametrize("points", [((5, 5), (5, 5)), ((5, 5),)])
def test_a_line_without_length_is_a_sentence(points):
    found = comparison({"A": ("original", [])})
    with pytest.raises(EvaluationError, match="no length"):
        line_profile(found, DrawnLine(0, points, number=3))


def test_a_line_on_a_slice_that_is_not_there_is_a_sentence():
    found = comparison({"A": ("original", [])})
    with pytest.raises(EvaluationError, match="slices 0 to 0"):
        line_profile(found, DrawnLine(2, ((5, 5), (9, 9))))
