"""What can be chosen, without a window."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.viewer.map_choice import (
    LEAST,
    MOST,
    STEPS,
    lambda_at,
    map_choices,
    rule_choices,
    rule_of,
    shares_words,
    step_of,
    threshold_top,
    threshold_words,
)
from napari_unlearn.viewer.tasks import Model, Opened

BRAIN = simulate_subject("brain", 1, slices=1, size=48, coils=2)
FULL = Opened(BRAIN, BRAIN.targets)
LINES = np.arange(48) % 2 == 0
CLINICAL = Opened(replace(BRAIN, kspaces=BRAIN.kspaces * LINES, acquired=LINES, targets=None), None)
ORIGINAL = Model("Original", "original", Path("original.safetensors"))
ORACLE = Model("Oracle", "oracle", Path("oracle.safetensors"))


def refused(opened, *models):
    return {each.name: each.tip for each in map_choices(opened, models) if not each.available}


def test_what_is_unknown_can_be_chosen():
    assert refused(None) == {}
    assert refused(FULL) == {}


def test_every_map_is_offered_with_its_formula():
    choices = map_choices(FULL, (ORIGINAL, ORACLE))
    assert [each.name for each in choices] == list(MODES)
    assert all(each.available for each in choices)
    assert all(MODES[each.name].formula in each.tip for each in choices)
    assert choices[1].title == "Null-space map"


def test_one_model_cannot_disagree():
    assert refused(FULL, ORIGINAL) == {"disagreement": "Needs a second model to disagree with."}


def test_a_clinical_scan_without_an_oracle_has_the_maps_that_need_no_reference():
    other = replace(ORIGINAL, name="Other", role="other")
    found = refused(CLINICAL, ORIGINAL, other)
    assert set(found) == {"null-space", "coil-null-space", "sfrc"}
    assert "fully sampled k-space" in found["null-space"]
    assert "ground truth" in found["sfrc"]
    assert refused(CLINICAL, ORIGINAL, ORACLE) == {}


def test_a_model_without_coils_is_named(tmp_path):
    parameters = {"depth": 10, "classes": 2, "width": 1, "widest": 1}
    path = tmp_path / "heads.safetensors"
    save_checkpoint(
        path, build("med3d", parameters), Card(architecture="med3d", parameters=parameters)
    )
    heads = Model("Heads", "other", path)
    found = refused(FULL, ORIGINAL, heads)
    assert set(found) == {name for name, mode in MODES.items() if mode.uses_kspace}
    assert all("Heads does not give" in reason for reason in found.values())


def test_a_file_that_does_not_say_what_it_is_is_not_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    odd = Model("A", "other", tmp_path / "a.safetensors")
    assert refused(FULL, odd, replace(odd, name="B", path=tmp_path / "b.pt")) == {}


def test_authors_rule_only_where_authors_gave_one():
    own = {each.name: each for each in rule_choices("sfrc")}
    assert all(each.available for each in own.values())
    others = {each.name: each for each in rule_choices("null-space")}
    assert not others["authors"].available
    assert "null-space map" in others["authors"].tip
    assert (rule_of("sfrc", None), rule_of("error", None)) == ("authors", "oracle")
    assert rule_of("sfrc", "bhadra") == "bhadra"


def test_lambda_runs_logarithmically_from_end_to_end():
    assert (lambda_at(0), lambda_at(STEPS)) == pytest.approx((LEAST, MOST))
    assert lambda_at(STEPS // 2) == pytest.approx(math.sqrt(LEAST * MOST))
    assert all(step_of(lambda_at(step)) == step for step in range(STEPS + 1))
    assert (step_of(1e-9), step_of(50.0)) == (0, STEPS)


def test_a_threshold_is_told_in_the_unit_of_its_map():
    assert threshold_words("error", 0.07) == "Highlight errors above 7.0 %"
    assert threshold_words("null-space", 0.07) == "Highlight null-space map above 7.0 %"
    assert threshold_words("sfrc", 0.83).endswith("above 0.83")


def test_the_threshold_slider_has_room_above_the_threshold():
    assert [threshold_top(each) for each in (0.0, 0.4, 0.83, 40.0)] == [0.5, 0.5, 1.0, 80.0]


def test_null_shares_are_told_of_arms_that_have_one():
    assert shares_words(["A", "B"], [0.0312, None]) == "Null share: A 3.1 %"
    assert shares_words(["A"], [None]) == ""
