"""The look before the work on labelled 3D subjects."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.preflight import preflight
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.models.checkpoint import read_card
from napari_unlearn.models.registry import build
from napari_unlearn.phantoms.head import simulate_head
from tests.io.subject_nifti import save_challenge
from tests.test_cli import run
from tests.tiny_heads import SETS, TOML, write_heads


@pytest.fixture
def study(tmp_path):
    return write_heads(tmp_path / "study")


def look(study, **options):
    return preflight(Experiment.load(study), timing=False, device="cpu", **options)


def errors(study, **options):
    return [finding.text for finding in look(study, **options).errors]


def relabel(study, subject, change):
    path = study / "data" / "labels" / f"{subject}.nii.gz"
    image = nib.load(path)
    labels = change(np.asarray(image.dataobj).copy())
    nib.save(nib.Nifti1Image(labels, image.affine, image.header), path)


def test_a_sound_experiment_has_no_errors_and_counts_its_subjects(study):
    before = sorted(study.rglob("*"))
    report = look(study)
    assert report.errors == ()
    assert report.sets == {name: (len(ids), len(ids)) for name, ids in SETS.items()}
    assert report.units == ("subjects", "volumes")
    steps = {plan.name: plan.steps for plan in report.plans}
    assert (steps["original"], steps["oracle"]) == (10, 10)
    assert steps["noisy-label"] == steps["loss-match"] == 3
    assert "acquired-lines" not in steps
    assert sorted(study.rglob("*")) == before


def test_a_label_that_the_network_does_not_know_is_named_with_its_file(study):
    relabel(study, "head-0020", lambda labels: np.where(labels == 8, 11, labels))
    (said,) = errors(study)
    assert "Subject head-0020 of the unseen_test set" in said
    assert "unexpected label values 11; 0 to 10 are accepted." in said


def test_every_subject_that_is_unusable_is_named(study):
    relabel(study, "head-0000", np.zeros_like)
    (study / "data" / "images" / "head-0011_T1.nii.gz").write_bytes(b"damaged")
    said = errors(study)
    assert len(said) == 2
    assert "head-0000" in said[0]
    assert "every voxel is background" in said[0]
    assert "head-0011_T1.nii.gz: not a NIfTI file" in said[1]


def test_labels_that_lie_elsewhere_are_named(study):
    path = study / "data" / "labels" / "head-0001.nii.gz"
    image = nib.load(path)
    shifted = image.affine.copy()
    shifted[0, 3] += 40
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), shifted), path)
    (said,) = errors(study)
    assert "mm apart by their affines" in said


def test_missing_labels_are_an_error(study):
    (study / "data" / "labels" / "head-0040.nii.gz").unlink()
    assert errors(study) == [
        "head-0040 of the unseen set has no labels; training and testing a segmentation need them."
    ]


def test_grids_that_differ_are_an_error_unless_a_shape_brings_them_to_one(study):
    write_subject(study / "data", simulate_head(11, (16, 20, 20)))
    (said,) = errors(study)
    assert "16x16x16 (head-0000 and 6 more), 16x20x20 (head-0011)" in said
    text = TOML.replace("[model]", "[preprocessing]\nshape = [16, 16, 16]\n\n[model]")
    (study / "experiment.toml").write_text(text)
    assert errors(study) == []


def test_an_unknown_id_is_named_for_every_set(study):
    text = TOML.replace('["head-002?"]', '["head-9"]').replace('["head-000*"]', '["x"]')
    (study / "experiment.toml").write_text(text)
    said = errors(study)
    assert len(said) == 2
    assert "key 'data.retain' is 'x'" in said[0]
    assert "head-0000, head-0001" in said[0]
    assert "key 'data.tests.unseen_test' is 'head-9'" in said[1]


def test_a_root_without_subjects_is_said_once(study):
    (study / "experiment.toml").write_text(TOML.replace('root = "data"', 'root = "elsewhere"'))
    (said,) = errors(study)
    assert "key 'data.root' is 'elsewhere'" in said


def test_without_unseen_subjects_strategies_that_need_them_are_left_out(study):
    (study / "experiment.toml").write_text(TOML.replace('unseen = ["head-0040"]\n', ""))
    names = {plan.name for plan in look(study).plans}
    assert "noisy-label" in names
    assert "loss-match" not in names
    (study / "runs" / "original").mkdir(parents=True)
    with pytest.raises(UnlearnError, match="unseen set is empty"):
        look(study, names=["loss-match"])


def test_time_is_measured_on_one_head(study):
    report = preflight(Experiment.load(study), ["original", "oracle"], device="cpu")
    assert report.pace.step > 0
    assert report.pace.reconstruction > 0
    assert all(plan.seconds > 0 for plan in report.plans)


def test_check_speaks_of_subjects_and_volumes(study):
    told = run("check", study, "--strategy", "oracle", "--device", "cpu").stdout
    assert "retain: 3 subjects, 3 volumes" in told
    assert "s per step and volume" in told
    about = json.loads(run("check", study, "--json", "--no-timing").stdout)
    assert about["sets"]["forget"] == {"subjects": 2, "volumes": 2}


def weight_of(study, *pairs, rows=64):
    """On a grid so large that it outweighs the network; nothing is allocated."""
    shape = f"[preprocessing]\nshape = [32, {rows}, 64]\n\n[model]"
    (study / "experiment.toml").write_text(TOML.replace("[model]", shape))
    shrink(study, *pairs)
    experiment = Experiment.load(study)
    return experiment.kind.weight(experiment, experiment.sets())


def test_memory_of_a_volume_is_counted_and_grows_with_grid_network_and_classes(study):
    one = weight_of(study)
    learnt = build("med3d", Experiment.load(study).model.parameters).parameters()
    numbers = sum(weight.numel() for weight in learnt)
    assert 4 * numbers < one.weights < 4.5 * numbers, "running statistics among them"
    assert one.state == one.weights + 3 * 4 * numbers
    larger = weight_of(study, rows=128)
    assert larger.activations / one.activations == pytest.approx(2, rel=0.1)
    wide = ("width = 2, widest = 4", "width = 16, widest = 32")
    assert weight_of(study, wide).activations > 1.1 * one.activations
    assert weight_of(study, ("classes = 11", "classes = 22")).activations > 1.3 * one.activations


def test_checkpointing_takes_less(study):
    deep = ("depth = 10", "depth = 34"), ("width = 2, widest = 4", "width = 8, widest = 16")
    whole = weight_of(study, *deep)
    saving = weight_of(study, *deep, ("stem_stride = 2", "stem_stride = 2, checkpointing = true"))
    assert saving.activations < 0.9 * whole.activations
    assert saving.state == whole.state


@pytest.fixture
def example(tmp_path):
    """The paper's configuration beside small files with the names of MRBrainS18's."""
    run("example", tmp_path, "--paper", "to-forget-is-to-preserve")
    for subject in ("1", "4", "5", "7", "14", "070", "148"):
        save_challenge(tmp_path / "MRBrainS18", subject)
    return tmp_path


def shrink(folder, *pairs):
    path = folder / "experiment.toml"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_the_papers_configuration_says_what_is_missing(tmp_path):
    told = run("example", tmp_path, "--paper", "to-forget-is-to-preserve").stdout
    assert "check" in told
    said = errors(tmp_path)
    assert len(said) == 2
    assert "key 'data.root' is 'MRBrainS18'" in said[0]
    assert "key 'training.parent' is 'resnet_50_23dataset.pth'" in said[1]
    told = run("train", tmp_path, "--role", "oracle", code=2).stderr
    assert "training.parent" in told
    assert told.count("\n") == 1


def test_the_papers_configuration_counts_the_papers_network_and_the_seven_subjects(example):
    shrink(example, ('parent = "resnet_50_23dataset.pth"', 'parent = ""'))
    report = look(example, names=["original", "noisy-label"])
    assert {name: count for name, (count, _) in report.sets.items()} == {
        "retain": 4,
        "forget": 1,
        "unseen_test": 2,
    }
    plans = {plan.name: plan for plan in report.plans}
    assert plans["original"].steps == 100 * 5
    # 56 x 448 x 448 voxels in 11 classes take 0.46 GiB in float32, and the loss keeps several.
    assert plans["original"].memory > 2 * 2**30


def medicalnet_file(folder, **parameters):
    """A file shaped as MedicalNet's, with its prefix and without a decoder."""
    torch.manual_seed(0)
    state = build("med3d", {"depth": 10, "in_channels": 1, **parameters}).state_dict()
    weights = {
        f"module.{key}": value for key, value in state.items() if not key.startswith("conv_seg")
    }
    torch.save({"state_dict": weights}, folder / "resnet.pth")


def test_weights_of_medicalnet_become_the_parent_and_what_was_taken_is_said(study):
    medicalnet_file(study, width=2, widest=4)
    shrink(study, ("epochs = 2", 'epochs = 1\nparent = "resnet.pth"'))
    report = look(study)
    assert report.errors == ()
    (note,) = [finding.text for finding in report.findings if finding.level == "note"]
    assert "keys taken" in note
    assert "adapted from 1 input channel to 3" in note
    assert "conv_seg" in note
    assert not (study / "runs").exists()
    run("train", study, "--role", "oracle", "--threads", 1, "--device", "cpu")
    parent = study / "runs" / "resnet.safetensors"
    assert "keys taken" in read_card(parent).remark
    experiment = Experiment.load(study)
    assert list(experiment.runs) == ["oracle"], "the parent is no run"
    again = experiment.training_job("oracle", "cpu")
    assert again.parent == parent


def test_weights_of_another_network_are_refused_in_one_sentence(study):
    medicalnet_file(study, width=4, widest=4)
    shrink(study, ("epochs = 2", 'epochs = 1\nparent = "resnet.pth"'))
    (said,) = errors(study)
    assert "width = 4; [model] asks for width = 2" in said
    (study / "resnet.pth").write_bytes(b"PK\x03\x04 damaged")
    (said,) = errors(study)
    assert "resnet.pth" in said
    assert "\n" not in said
