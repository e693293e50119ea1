from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.assemble import assemble, with_threshold
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.highlights import smooth
from napari_unlearn.evaluation.marking import KspaceMaps
from napari_unlearn.evaluation.thresholds import bhadra_threshold, find_rule, oracle_threshold
from tests.evaluation.synthetic import comparison, square

FAULT = (0, 20, 20, 8, 8, 0.5)


def parts(**arms):
    made = comparison(arms)
    return made.header, [replace(arm, errors=None) for arm in made.arms], made.reference, made.mask


def three():
    return parts(
        G=("original", [FAULT]), O=("oracle", [(0, 40, 40, 8, 8, 0.1)]), U=("unlearned", [])
    )


def kspace_maps(arms, without=None, fault=2.0):
    """Maps in the images' own unit."""
    maps = [np.zeros_like(arm.images) for arm in arms]
    square(maps[0][0], *FAULT[1:-1], fault)
    if without is not None:
        maps[without] = None
    return KspaceMaps(tuple(maps), tuple(0.5 for _ in arms), 0.02)


def test_the_disagreement_of_every_arm_is_that_with_the_oracle():
    made = assemble(*three(), mode="disagreement", threshold=0.3)
    original, oracle, unlearned = made.arms
    np.testing.assert_allclose(
        original.hallucinations, np.abs(original.images - oracle.images), atol=1e-6
    )
    np.testing.assert_array_equal(oracle.hallucinations, original.hallucinations)
    assert unlearned.hallucinations.max() == pytest.approx(0.1)
    assert [region.kind for region in original.regions] == ["removed"]
    assert original.errors is not None
    assert made.mode == "disagreement"


def test_models_disagree_without_any_reference():
    header, arms, _, mask = parts(G=("original", [FAULT]), U=("unlearned", []))
    made = assemble(header, arms, None, mask, mode="disagreement")
    assert made.reference is None
    assert any("what is highlighted is the disagreement" in each for each in made.remarks)
    assert "whatever it shows" in made.threshold_from
    assert made.arms[0].regions
    assert made.arms[0].regions[0].polarity == "unknown"


def test_one_model_cannot_disagree():
    header, arms, truth, mask = parts(G=("original", []))
    with pytest.raises(EvaluationError, match="second one"):
        assemble(header, arms, truth, mask, mode="disagreement")


def test_maps_of_k_space_are_scaled_to_the_maximum_and_highlighted():
    header, arms, truth, mask = three()
    loud = [replace(arm, images=arm.images * 4) for arm in arms]
    made = assemble(
        header,
        loud,
        truth * 4,
        mask,
        mode="null-space",
        threshold=0.3,
        kspace_maps=kspace_maps(arms),
    )
    assert made.arms[0].hallucinations.max() == pytest.approx(0.5)
    assert (made.lam, made.arms[0].null_share) == (0.02, 0.5)
    assert len(made.arms[0].regions) == 1
    assert made.threshold == 0.3


def test_the_arm_that_others_are_set_against_has_no_map_and_no_regions():
    header, arms, truth, mask = three()
    maps = kspace_maps(arms, without=1)
    made = assemble(header, arms, truth, mask, mode="null-space", threshold=0.3, kspace_maps=maps)
    assert made.arms[1].hallucinations is None
    assert made.arms[1].regions == ()
    assert made.arms[1].errors is not None


def test_the_cards_threshold_is_that_of_errors_only():
    header, arms, truth, mask = three()
    options = {"calibrated": 0.3, "kspace_maps": kspace_maps(arms)}
    assert assemble(header, arms, truth, mask, calibrated=0.3).threshold == 0.3
    made = assemble(header, arms, truth, mask, mode="null-space", **options)
    assert "99th percentile of the oracle's own null-space map" in made.threshold_from


def test_judging_by_errors_again_forgets_the_map():
    header, arms, truth, mask = three()
    first = assemble(header, arms, truth, mask, mode="null-space", kspace_maps=kspace_maps(arms))
    again = assemble(header, first.arms, truth, mask)
    assert [arm.hallucinations for arm in again.arms] == [None] * 3
    assert again.lam is None


def test_the_sfrc_has_the_threshold_of_its_authors():
    made = assemble(*three(), mode="sfrc")
    assert made.threshold == pytest.approx(0.83)
    assert "authors" in made.threshold_from


def test_bhadras_rule_flags_a_twentieth_of_anything():
    noise = np.random.default_rng(0).gamma(2, 0.01, (2, 96, 96)).astype(np.float32)
    threshold = bhadra_threshold(noise)
    assert (smooth(noise) > threshold).mean() == pytest.approx(0.05, abs=1e-3)
    assert (smooth(noise) > oracle_threshold([noise])).mean() == pytest.approx(0.01, abs=1e-3)


def test_bhadras_rule_can_be_asked_for_and_says_what_it_does():
    header, arms, truth, mask = three()
    made = assemble(header, arms, truth, mask, rule="bhadra", calibrated=0.3)
    assert made.threshold == pytest.approx(bhadra_threshold(made.arms[0].errors))
    assert "about 5 % of it is highlighted whatever it shows" in made.threshold_from
    assert assemble(header, arms, truth, mask, rule="bhadra", threshold=0.4).threshold == 0.4


@pytest.mark.parametrize("values", [np.zeros((0, 4, 4)), np.full((1, 4, 4), np.nan)])
def test_a_map_without_values_has_no_percentile(values):
    with pytest.raises(EvaluationError, match="percentile"):
        bhadra_threshold(values)


def test_an_unknown_rule_is_wrong_use():
    with pytest.raises(WrongUse, match="oracle, bhadra"):
        find_rule("otsu")


def test_the_oracles_rule_can_be_asked_for_where_authors_gave_one():
    made = assemble(*three(), mode="sfrc", rule="oracle")
    assert "99th percentile of the oracle's own" in made.threshold_from
    assert assemble(*three(), mode="sfrc", rule="authors").threshold == pytest.approx(0.83)


def test_authors_who_gave_no_threshold_cannot_be_followed():
    with pytest.raises(WrongUse, match="authors of the error map gave no threshold"):
        assemble(*three(), rule="authors")


def test_another_rule_marks_the_same_maps_anew():
    header, arms, truth, mask = three()
    first = assemble(header, arms, truth, mask, mode="null-space", kspace_maps=kspace_maps(arms))
    again = with_threshold(first, truth, rule="bhadra")
    assert again.threshold == pytest.approx(bhadra_threshold(first.arms[0].hallucinations))
    assert again.arms[0].hallucinations is first.arms[0].hallucinations
    back = with_threshold(again, truth)
    assert (back.threshold, back.threshold_from) == (first.threshold, first.threshold_from)
    assert with_threshold(first, truth, threshold=0.3).threshold == 0.3
