"""Maps of hallucination, and their self-test, from a terminal."""

import json

import pytest

from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.evaluation.self_test_report import SelfTestReport
from napari_unlearn.io.fastmri import write_fastmri
from tests.evaluation.tiny import arm, scan
from tests.test_cli import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("maps")
    for name, role, seed in (("original", "original", 0), ("oracle", "oracle", 1)):
        arm(place, name, role, seed)
    write_fastmri(place / "brain.h5", scan(slices=4, size=64))
    return place


def compared(folder, out, *options, code=0):
    models = [f"--model={name.title()}={folder}/{name}.safetensors" for name in MODELS]
    return run("compare", folder / "brain.h5", *models, "-o", out, "--json", *options, code=code)


MODELS = ("original", "oracle")


def test_compare_highlights_the_map_that_was_asked_for(folder, tmp_path):
    rows = json.loads(compared(folder, tmp_path, "--map", "null-space", "--lam", 0.01).stdout)
    assert len(rows) == 2
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert (content["map"], content["lambda"]) == ("null-space", 0.01)
    assert 0 < content["arms"][0]["null_share"] < 1
    assert "oracle's own null-space map" in content["threshold_from"]
    assert (tmp_path / "original_hallucinations.nii.gz").exists()
    head = (tmp_path / "regions.csv").read_text().splitlines()[0]
    assert head.endswith("mean_error,polarity,right_mm,front_mm,up_mm")


def test_bhadras_rule_can_be_asked_for(folder, tmp_path):
    compared(folder, tmp_path, "--rule", "bhadra")
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert "Bhadra" in content["threshold_from"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--map", "magic"), "null-space"),
        (("--rule", "magic"), "bhadra"),
        (("--rule", "authors"), "gave no threshold"),
        (("--lam", "0.1"), "does not enter the error map"),
        (("--map", "null-space", "--lam", "0"), "above 0"),
    ],
)
def test_wrong_use_ends_in_a_sentence(folder, tmp_path, options, said):
    assert said in compared(folder, tmp_path, *options, code=2).stderr


def test_help_names_every_map():
    text = "".join(run("compare", "--help").stdout.replace("│", " ").split())
    assert all(name in text for name in MODES)


def test_the_self_test_reports_every_map(folder):
    models = ("--model", folder / "oracle.safetensors", "--other", folder / "original.safetensors")
    options = ("--scan", folder / "brain.h5", "--size", 64, "--structures", 2, *models)
    report = SelfTestReport.read(run("benchmark", "hallucinations", *options, "--json").stdout)
    assert [each.mode for each in report.scores] == list(MODES)
    assert report.command.startswith("napari-unlearn benchmark hallucinations --scan scan-")
    assert str(folder) not in report.json()
    assert report.about["slices"] == 2
    text = run("benchmark", "hallucinations", *options).stdout
    assert report.grid().markdown() in text


def test_the_self_test_helps_with_an_example():
    text = run("benchmark", "hallucinations", "--help").stdout
    assert "Example: napari-unlearn benchmark hallucinations" in text
