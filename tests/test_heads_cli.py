"""Forgetting a person from a terminal: simulated heads, trained, unlearnt, one after another."""

import json

import pytest

from napari_unlearn.experiment import Experiment
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.models.checkpoint import read_card, sha256
from napari_unlearn.phantoms.head import SHAPE
from napari_unlearn.simulation import head_shape
from tests.test_cli import run

HERE = ("--threads", 1, "--device", "cpu")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The heads protocol on 16 voxels, its network and budgets cut down."""
    folder = tmp_path_factory.mktemp("heads") / "study"
    done = run("simulate", folder, "--protocol", "heads", "--size", 16)
    assert "19 heads written" in done.stdout
    path = folder / "experiment.toml"
    text = path.read_text()
    for old, new in (
        ("width = 12, widest = 48", "width = 2, widest = 4"),
        ("epochs = 80", "epochs = 1"),
        ("epochs = 20\nlearning", "epochs = 1\nlearning"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def trained(study):
    said = {}
    for role in ("original", "oracle"):
        told = run("train", study, "--role", role, *HERE).stderr
        said[role] = " ".join(told.split())
    for strategy in ("noisy-label", "retain-label"):
        run("unlearn", study, "--strategy", strategy, "--set", "fix_decoder=1", *HERE)
    return said


def test_the_protocol_is_an_experiment_that_nothing_stands_in_the_way_of(study):
    told = run("check", study, "--no-timing", "--strategy", "original").stdout
    assert "retain: 5 subjects, 5 volumes" in told
    assert "unseen: 3 subjects, 3 volumes" in told
    assert "error" not in told


def test_the_full_protocol_has_the_measured_network_and_budget(tmp_path):
    run("simulate", tmp_path, "--protocol", "heads", "--scale", 0.01)
    experiment = Experiment.load(tmp_path)
    assert experiment.network["width"] == 12
    assert 2 * experiment.network["stem_stride"] == 4, "the encoder's output stride"
    assert experiment.training.equal_steps
    assert (experiment.training.epochs, experiment.unlearning.epochs) == (80, 20)
    assert experiment.samples("forget").batch(0).image.shape == (1, 3, *SHAPE)
    assert len(experiment.samples("nonmember")) == 1


def test_roles_and_strategies_run_and_say_means_without_structures(study, trained):
    assert set(Experiment.load(study).runs) >= {
        "original",
        "oracle",
        "noisy-label",
        "retain-label",
    }
    assert "unseen_test_dice " in trained["original"]
    assert "nonmember" not in trained["oracle"], "it is for the membership attack alone"
    assert "_dice_3" not in trained["oracle"]
    metrics = json.loads((study / "runs" / "oracle" / "metrics.json").read_text())["metrics"]
    assert "unseen_test_dice_3" in metrics, "they are kept all the same"
    assert not [name for name in metrics if name.startswith("nonmember")]
    assert metrics["steps"] == 7


def test_a_second_request_goes_on_from_the_first(study, trained):
    request = ("unlearn", study, "--strategy", "noisy-label", "--steps", 2, *HERE)
    run(*request, "--forget", "head-0200", "--name", "first")
    run(*request, "--forget", "head-0201", "--parent", "first", "--name", "second")
    runs = Experiment.load(study).runs
    first, second = read_card(runs["first"]), read_card(runs["second"])
    assert first.parent == sha256(runs["original"])
    assert second.parent == sha256(runs["first"])
    assert first.forget_scans == second.forget_scans == 1
    assert first.data_hash != second.data_hash
    assert first.volumes.channels == ("T1", "T1-IR", "FLAIR")


@pytest.mark.long
def test_a_sweep_makes_every_combination(study, trained):
    combinations = ("--strategy", "max-loss", "--set", "fix_decoder=0,1", "--steps", 1)
    said = run("sweep", study, *combinations, "--jobs", 2, *HERE).stderr
    assert "max-loss: finished, 1 steps" in " ".join(said.split())
    assert {"max-loss", "max-loss+fix_decoder=1"} <= set(Experiment.load(study).runs)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--strategy", "acquired-lines"), 2, "no strategy 'acquired-lines' for segmentation"),
        (("--strategy", "noisy-label", "--forget", "head-0200"), 2, "--name"),
        (("--strategy", "ft", "--forget", "head-0000", "--name", "a"), 2, "called 'head-0000'"),
        (("--strategy", "ft", "--parent", "nobody", "--name", "a"), 2, "no run 'nobody'"),
        (("--strategy", "ft", "--name", "oracle"), 2, "would replace a model"),
        (("--strategy", "ft", "--parent", "oracle", "--name", "oracle"), 2, "would replace"),
        (("--strategy", "ft", "--guard", 0.02), 1, "SSIM"),
        (("--strategy", "noisy-label", "--set", "absolute=1"), 1, "no intensity"),
    ],
)
def test_a_mistake_is_one_sentence(study, trained, options, code, said):
    told = run("unlearn", study, *options, *HERE, code=code).stderr
    sentence = told.splitlines()[-1]
    assert said in " ".join(told.split())
    assert sentence.endswith(".")
    assert "Traceback" not in told


def test_what_only_scans_have_is_not_asked_of_heads(study):
    told = run("suspects", study, code=2).stderr
    assert "key 'task' is 'segmentation'; accepted: 'reconstruction' alone" in told
    assert told.count("\n") == 1


def test_strategies_are_listed_by_task():
    names = {entry["name"] for entry in json.loads(segmentation("--json"))}
    assert {"noisy-label", "random-encoder", "loss-match", "as-stranger", "ft"} <= names
    assert not {"acquired-lines", "zero-filled"} & names
    run("strategies", "--task", "detection", code=2)


def segmentation(*options):
    return run("strategies", "--task", "segmentation", *options).stdout


def test_simulated_heads_lie_as_medicalnet_has_them(tmp_path):
    options = ("--anatomy", "head", "--subjects", 2, "--seed", 7, "--size", 20)
    assert "2 heads written" in run("simulate", tmp_path, *options).stdout
    found = find_subjects(tmp_path)
    assert [files.subject for files in found] == ["head-0007", "head-0008"]
    assert found[0].load().shape == head_shape(20) == (16, 20, 20)
    assert (tmp_path / "images" / "head-0007_T1-IR.nii.gz").is_file()
    assert (tmp_path / "labels" / "head-0008.nii.gz").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--protocol", "feet"), 1, "brain-knee, contaminated-site, heads"),
        (("--protocol", "brain-knee", "--size", 32), 1, "only heads may have another"),
        (("--protocol", "heads", "--size", 8), 2, "size"),
        (("--protocol", "heads", "--scale", 100), 1, "At scale 100"),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused(tmp_path, arguments, code, said):
    assert said in run("simulate", tmp_path / "x", *arguments, code=code).stderr
