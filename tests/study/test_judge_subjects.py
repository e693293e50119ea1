import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.cli.evaluate import evaluate
from napari_unlearn.errors import Cancelled, UnlearnError, WrongUse
from napari_unlearn.evaluation.subject_evaluation import evaluate_subjects
from napari_unlearn.evaluation.subject_results import find_run, read_subjects
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.study.judge import judge_subjects
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.segmentation import Segmentation
from tests.tiny_heads import write_heads
from tests.tiny_study import write_study


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """With three short runs."""
    loaded = Experiment.load(write_heads(tmp_path_factory.mktemp("heads") / "study"))
    for role in ("original", "oracle"):
        list(train(loaded.training_job(role, "cpu")))
    list(train(loaded.unlearning_job("noisy-label", device="cpu", run_name="noisy-label@2")))
    return loaded


@pytest.fixture(scope="module")
def told(experiment):
    return list(judge_subjects(experiment, device="cpu"))


def test_progress_counts_volumes_of_all_runs(told):
    volumes = 3 + 2 + 1 + 1
    assert told[:-1] == [(number, 3 * volumes) for number in range(1, 3 * volumes + 1)]


def test_every_run_is_measured_on_retain_forget_and_held_out_subjects(told):
    assert [result.name for result in told[-1]] == ["original", "oracle", "noisy-label@2"]
    for result in told[-1]:
        assert [(s.set, s.subject) for s in result.subjects] == [
            ("retain", "head-0000"),
            ("retain", "head-0001"),
            ("retain", "head-0002"),
            ("forget", "head-0010"),
            ("forget", "head-0011"),
            ("unseen_test", "head-0020"),
        ]
        assert result.membership.members == ("head-0010", "head-0011")
        assert result.membership.others == ("head-0030",)


def test_figures_are_those_of_the_loop(told, experiment):
    model, _ = load_checkpoint(experiment.runs["original"])
    batch = experiment.samples("retain").batch(1)
    task = Segmentation()
    with torch.no_grad():
        known = task.quality(task.predict(model.eval(), batch), batch)
    score = find_run(told[-1], "original").subjects[1]
    assert score.dice == pytest.approx(known["dice"])
    assert score.dice_sound == pytest.approx(known["dice_sound"])
    assert score.mae == pytest.approx(known["mae"], rel=1e-4)


def test_agreement_is_measured_with_the_oracle_and_not_with_itself(told):
    for result in told[-1]:
        known = [score.agreement is not None for score in result.subjects]
        assert known == [result.name != "oracle"] * 6


def test_voxels_of_a_millilitre_are_those_of_the_head(told, experiment):
    subject = experiment.samples("forget").subjects[0]
    structures = find_run(told[-1], "oracle").subjects[3].structures
    labelled = float((subject.labels != 0).sum())
    size = 144 / 16 * 230 / 16 * 230 / 16 / 1000
    assert sum(s.true_volume for s in structures) == pytest.approx(labelled * size, rel=1e-5)


def test_without_a_set_for_the_attack_held_out_subjects_serve(experiment):
    file = experiment.folder / "experiment.toml"
    other = experiment.folder / "other.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("nonmember")]
    other.write_text("\n".join(lines))
    *_, results = judge_subjects(Experiment.load(other), device="cpu")
    assert results[0].membership.others == ("head-0020",)


def test_a_stopped_evaluation_stops(experiment):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        next(judge_subjects(experiment, cancel=token))


def test_an_experiment_without_runs_has_nothing_to_evaluate(experiment):
    with pytest.raises(UnlearnError, match="no runs yet"):
        next(evaluate_subjects({}, {"retain": experiment.samples("retain")}))


def typed(*paths, **options):
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(StringIO()):
        evaluate([*paths], device="cpu", **options)
    return out.getvalue()


def test_evaluate_prints_the_table_and_writes_every_subject(experiment, told, tmp_path):
    text = typed(experiment.folder, output=tmp_path / "r.json", deidentify=False)
    for words in ("| Noisy Label | 2 |", "membership AUC", "HD95 [mm]", "Volume [ml]"):
        assert words in text
    assert read_subjects(tmp_path / "r.json") == told[-1]
    assert json.loads((tmp_path / "r.json").read_text())["experiment"] == "heads"


def test_several_segmentations_are_seeds_of_one(experiment, tmp_path):
    text = typed(experiment.folder, experiment.folder, output=tmp_path / "seeds")
    assert "| Noisy Label | 2 | 2 |" in text
    assert {path.name for path in (tmp_path / "seeds").iterdir()} == {
        "0-study.json",
        "1-study.json",
    }


@pytest.mark.parametrize("option", [{"paper": "x"}, {"relearn": True}])
def test_options_of_reconstruction_are_refused_with_a_sentence(experiment, option):
    with pytest.raises(WrongUse, match="is about reconstructions"):
        typed(experiment.folder, **option)


def test_tasks_are_not_mixed(experiment, tmp_path):
    with pytest.raises(WrongUse, match="reconstruction and segmentation"):
        typed(experiment.folder, write_study(tmp_path / "scans"))
