import json

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.relearn import Attack
from napari_unlearn.evaluation.results import read_results, write_results
from napari_unlearn.experiment import Experiment
from napari_unlearn.study.judge import draw_figure_1, judge
from napari_unlearn.unlearning.loop import train
from tests.tiny_study import write_study


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """In miniature; the site's test scans stand for a forget test set."""
    folder = write_study(tmp_path_factory.mktemp("judge") / "study")
    file = folder / "experiment.toml"
    file.write_text(
        file.read_text().replace("site_test", "forget_test", 1).replace("planted_fault = true", "")
    )
    loaded = Experiment.load(folder)
    list(train(loaded.training_job("original", "cpu")))
    list(train(loaded.training_job("oracle", "cpu", epochs=1)))
    list(train(loaded.unlearning_job("ft", device="cpu")))
    list(train(loaded.unlearning_job("ft", device="cpu", run_name="ft@1")))
    return loaded


@pytest.fixture(scope="module")
def told(experiment):
    attack = Attack(samples=2, test_slices=2, limit=2)
    return list(judge(experiment, on_forget_set=True, attack=attack, device="cpu"))


def test_every_run_is_attacked_but_those_of_a_sweep(told):
    attacked = {result.name: result.relearned is not None for result in told[-1]}
    assert attacked == {"original": True, "oracle": True, "ft": True, "ft@1": False}


def test_progress_counts_slices_and_attacks(told):
    assert told[:-1] == [(number, 6 + 3) for number in range(1, 10)]


def test_an_attack_survives_the_disk(told, tmp_path):
    write_results(tmp_path / "r.json", "study", told[-1])
    assert read_results(tmp_path / "r.json") == told[-1]
    assert "relearned" not in json.loads((tmp_path / "r.json").read_text())["runs"]["ft@1"]


def test_figure_1_is_drawn_without_a_column_for_the_oracle(experiment, tmp_path):
    files = draw_figure_1(experiment, tmp_path, "brain_0003:1", ["original", "ft"], "cpu")
    assert [path.name for path in files] == ["figure1.png", "figure1.svg"]
    text = files[1].read_text()
    assert "<!-- FT -->" in text
    assert "<!-- Ĝ (oracle) -->" not in text
    assert "99th percentile of the oracle" in text
    assert "slice 1" in text


@pytest.mark.parametrize(
    ("where", "runs", "said"),
    [
        ("brain_0003:9", ["original"], "no slice 9"),
        ("brain_0003:x", ["original"], "SCAN:INDEX"),
        ("knee_7:0", ["original"], "no test scan 'knee_7'"),
        ("brain_0003:0", ["nl"], "no run 'nl'"),
        ("brain_0003:0", [], "no run"),
    ],
)
def test_what_figure_1_cannot_show_is_said(experiment, tmp_path, where, runs, said):
    with pytest.raises(UnlearnError, match=said):
        draw_figure_1(experiment, tmp_path, where, runs, "cpu")


def test_relearning_needs_a_forget_test_set(tmp_path):
    experiment = Experiment.load(write_study(tmp_path / "study"))
    with pytest.raises(UnlearnError, match="named 'forget_test'"):
        list(judge(experiment, attack=Attack()))
