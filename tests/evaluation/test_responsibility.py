"""What is told of a search: who stands out, what is proposed, in words."""

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.outliers import LIMIT
from napari_unlearn.evaluation.responsibility import Responsibility, Responsible


def _found(*scores):
    slices = tuple(
        Responsible(f"s{n // 2}", f"/data/s{n // 2}.h5", "retain", n % 2, score, score)
        for n, score in enumerate(scores)
    )
    return Responsibility(slices, "healing", "reference", 0.25)


def test_the_proposal_is_the_scans_with_a_slice_that_stands_out():
    found = _found(9, 8, 7, LIMIT, 1, 0)
    assert found.proposed == ("/data/s0.h5", "/data/s1.h5")
    sets = found.regrouped(found.proposed)
    assert sets == {"retain": ("/data/s2.h5",), "forget": ("/data/s0.h5", "/data/s1.h5")}
    for wrong in ((), ("/data/s0.h5", "/data/s1.h5", "/data/s2.h5"), ("/data/other.h5",)):
        with pytest.raises(UnlearnError, match="of 3 training scans would be forgotten"):
            found.regrouped(wrong)


def test_the_sentence_names_the_scans_or_says_that_none_stands_out():
    assert "by 25.0% of the slice's maximum" in _found(9, 8, 7, 1).sentence
    assert "3 of 4 training slices stand out, of 2 scans: s0, s1." in _found(9, 8, 7, 1).sentence
    assert "none of 2 training slices stands out" in _found(1, 0).sentence
