import json

import pytest

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.subject_results import read_subjects, write_subjects
from napari_unlearn.evaluation.subject_runs import (
    SIX,
    Variant,
    budgets,
    in_order,
    unseen_set,
    variant_of,
)
from tests.evaluation.subjects import result, subject, whole


def test_results_survive_the_disk_with_every_subject_and_structure(tmp_path):
    results = [whole("oracle", 0.9, 0.6), result("bare", [subject("retain", "a", 0.5)])]
    write_subjects(tmp_path / "r.json", "heads", results, "a command")
    assert read_subjects(tmp_path / "r.json") == results
    about = json.loads((tmp_path / "r.json").read_text())
    assert about["command"] == "a command"
    oracle = about["runs"]["oracle"]
    assert oracle["averages"]["retain"]["dice"] == pytest.approx(0.9)
    assert oracle["subjects"][2]["structures"][1]["hd95"] == 2.0
    assert oracle["membership"]["auc"] == 0.5
    assert "membership" not in about["runs"]["bare"]


def test_another_file_is_no_file_of_results(tmp_path):
    (tmp_path / "r.json").write_text('{"runs": {"a": {"card": {}}}}')
    with pytest.raises(EvaluationError, match="not a file of segmentation results"):
        read_subjects(tmp_path / "r.json")


def test_a_mean_is_over_the_subjects_that_were_measured():
    own = result("r", [subject("forget", "a", 0.5), subject("forget", "b", 0.7, agreement=0.9)])
    assert own.mean("forget", "dice") == pytest.approx(0.6)
    assert own.mean("forget", "agreement") == 0.9
    assert own.mean("retain", "dice") is None


@pytest.mark.parametrize(
    ("name", "variant", "label"),
    [
        ("noisy-label@50", Variant("noisy-label", 50), "Noisy Label, 50 epochs"),
        (
            "max-loss-fixed@20",
            Variant("max-loss", 20, fixed=True),
            "Max Loss, Fix Decoder, 20 epochs",
        ),
        ("ssd", Variant("ssd"), "Selective synaptic dampening"),
        ("oracle", Variant("oracle"), "Oracle"),
        ("my run@home", Variant("my run@home"), "my run@home"),
    ],
)
def test_a_runs_name_says_what_it_did(name, variant, label):
    assert variant_of(name) == variant
    assert variant.run == name
    assert variant.label == label


def test_rows_stand_by_role_paper_ours_others_and_budget():
    names = ["ft@20", "loss-match@20", "max-loss@50", "max-loss-fixed@20", "noisy-label@20",
             "max-loss@20", "something", "oracle", "original"]  # fmt: skip
    assert in_order(names) == [
        "original", "oracle", "noisy-label@20", "max-loss@20", "max-loss@50", "max-loss-fixed@20",
        "loss-match@20", "ft@20", "something",
    ]  # fmt: skip
    assert budgets(names) == [20, 50]


def test_the_papers_strategies_are_six():
    assert SIX == (
        "noisy-label", "retain-label", "max-loss", "random-encoder", "learn-others", "learn-noise",
    )  # fmt: skip


def test_the_held_out_set_that_is_reported():
    assert unseen_set(["retain", "forget", "mine", "nonmember", "unseen_test"]) == "unseen_test"
    assert unseen_set(["retain", "forget", "nonmember", "mine"]) == "mine"
    assert unseen_set(["retain", "forget"]) is None
