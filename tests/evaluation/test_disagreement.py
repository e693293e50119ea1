from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.evaluation.assemble import assemble
from napari_unlearn.evaluation.disagreement import disagreement, shown_instead
from napari_unlearn.evaluation.error import EvaluationError
from tests.evaluation.synthetic import comparison


def test_it_is_the_standard_deviation_over_models():
    volumes = np.random.default_rng(1).random((3, 2, 8, 8)).astype(np.float32)
    found = disagreement(list(volumes), maximum=2.0)
    np.testing.assert_allclose(found, volumes.std(axis=0) / 2.0, rtol=1e-5)
    assert found.dtype == np.float32


def test_models_that_err_alike_do_not_disagree():
    wrong = np.ones((1, 8, 8), np.float32)
    assert disagreement([wrong, wrong.copy()]).max() == 0


def test_one_model_cannot_disagree():
    with pytest.raises(EvaluationError, match="at least two"):
        disagreement([np.ones((1, 8, 8), np.float32)])


def _assembled(truth, oracle):
    made = comparison({"A": ("original", [(0, 20, 20, 4, 4, 0.5)]), "B": (oracle, [])})
    return assemble(made.header, made.arms, made.reference if truth else None, made.mask)


def test_the_window_says_what_takes_the_place_of_errors():
    assert shown_instead(_assembled(truth=True, oracle="oracle")) == ""
    assert "departures from B" in shown_instead(_assembled(truth=False, oracle="oracle"))
    nothing = _assembled(truth=False, oracle="other")
    assert "disagreement between 2 models" in shown_instead(nothing)
    assert "one model" in shown_instead(replace(nothing, arms=nothing.arms[:1]))


@pytest.mark.parametrize(
    ("mode", "oracle", "words"),
    [
        ("measurement", "other", "measurement map: what contradicts the measured lines"),
        ("measurement", "oracle", "measurement map: what contradicts the measured lines"),
        ("null-space", "oracle", "null-space map, set against B, which may be wrong"),
        ("disagreement", "other", "Where both models are wrong alike it shows nothing"),
    ],
)
def test_the_window_says_which_map_takes_the_place_of_errors(mode, oracle, words):
    made = _assembled(truth=False, oracle=oracle)
    arms = tuple(replace(arm, hallucinations=arm.images) for arm in made.arms)
    assert words in shown_instead(replace(made, arms=arms, mode=mode))
    known = _assembled(truth=True, oracle=oracle)
    assert shown_instead(replace(known, arms=arms, mode=mode)) == ""
