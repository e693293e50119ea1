"""What is wrong in the experiment file of a segmentation, in full sentences."""

import pytest

from tests.experiment.file_text import HEADS, load, put, refusal


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            "sampling.acceleration",
            4,
            "key 'sampling.acceleration' is 4; accepted: no such key where key 'task' is "
            "'segmentation', as it undersamples no k-space.",
        ),
        ("sampling.kind", "random", "undersamples no k-space"),
        ("sampling.center_fraction", 0.08, "undersamples no k-space"),
        ("unlearning.guard", 0.02, "as a guard watches SSIM, which only images have."),
        ("evaluation.planted_fault", True, "hallucinations are looked for in images only."),
        ("evaluation.tissue", "marrow", "hallucinations are looked for in images only."),
        ("model.architecture", "varnet", "is 'varnet'; accepted: \"med3d\" where key 'task' is"),
        ("task", "reconstruction", "'med3d'; accepted: \"varnet\" where key 'task' is"),
        ("preprocessing.shape", [56, 448], "accepted: a list of three whole numbers: slices"),
        ("preprocessing.shape", [56, 448, 0], "shape[2]' is 0; accepted: a whole number from 8"),
        ("preprocessing.shape", [56, 448, 4.5], "shape[2]' is 4.5; accepted: a whole number"),
        ("model.parameters.depth", 11, "is 11; accepted: 10 or 18 or 34 or 50."),
        ("model.parameters.stem_stride", True, "is true; accepted: 1 or 2 or 4."),
        ("model.parameters.stem_stride", 2.0, "is 2.0; accepted: 1 or 2 or 4."),
        ("preprocessing.shape", 56, "is 56; accepted: a list of three whole numbers: slices"),
        ("model.parameters.shortcut", "C", 'is \'C\'; accepted: "A" or "B".'),
        ("model.parameters.classes", 1, "is 1; accepted: a whole number from 2 to 256."),
        ("model.parameters.cascades", 2, "there is no key 'model.parameters.cascades'"),
        ("data.unseen", ["a\0b"], "'data.unseen[0]' is 'a\\x00b'"),
    ],
)
def test_the_sentence_about_a_segmentation_in_full(folder, place, value, said):
    assert said in refusal(folder, put(HEADS, place.split("."), value))


def test_what_a_segmentation_ignores_may_stand_there_as_it_would_be_left_out(folder):
    usual = {"sampling": {"kind": "equispaced", "acceleration": 8}, "evaluation": {"tissue": ""}}
    assert load(folder, {**HEADS, **usual}).task == "segmentation"


def test_parameters_may_be_numbers_words_and_truths(folder):
    parameters = {"depth": 18, "shortcut": "A", "checkpointing": True}
    content = put(HEADS, ("model", "parameters"), parameters)
    loaded = load(folder, content)
    assert loaded.model.parameters == parameters
    assert loaded.network["classes"] == 10
    assert loaded.network["shortcut"] == "A"
