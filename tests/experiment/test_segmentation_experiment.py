"""A segmentation experiment: its subjects, its jobs, one deletion request after another."""

import numpy as np
import pytest
import torch

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.subject_sets import Shelf
from napari_unlearn.io.preprocess3d import prepare, restore
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.models.checkpoint import load_checkpoint, read_card, save_checkpoint, sha256
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.events import EpochEnd
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.volumes import VolumeSet
from tests.test_cli import run
from tests.tiny_heads import SETS, SHAPE, TOML, write_heads
from tests.tiny_study import write_study


@pytest.fixture
def study(tmp_path):
    return write_heads(tmp_path / "study")


@pytest.fixture
def original(study):
    """A checkpoint of the right network, untrained."""
    experiment = Experiment.load(study)
    model = build("med3d", experiment.model.parameters)
    card = experiment.card("original", "Original")
    save_checkpoint(experiment.original, model, card)
    return experiment.original


def change(study, *pairs):
    text = TOML
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (study / "experiment.toml").write_text(text)
    return Experiment.load(study)


def ids(samples):
    return tuple(subject.subject for subject in samples.subjects)


def test_ids_and_patterns_of_ids_name_the_subjects_of_every_set(study):
    experiment = Experiment.load(study)
    sets = experiment.sets()
    assert {name: ids(samples) for name, samples in sets.items()} == SETS
    assert all(isinstance(samples, VolumeSet) for samples in sets.values())
    assert sets["retain"].classes == 11


def test_a_subject_named_twice_counts_once_and_a_number_draws_some(study):
    twice = change(study, ('["head-000*"]', '["head-0001", "head-000*", "head-0001"]'))
    assert sorted(ids(twice.samples("retain"))) == sorted(SETS["retain"])
    drawn = change(study, ("[data.tests]", "[data.scans]\nretain = 2\n[data.tests]"))
    assert len(drawn.samples("retain")) == 2
    assert ids(drawn.samples("retain")) == ids(drawn.samples("retain"))


def test_contrasts_are_normalised_and_keep_their_grid_without_a_shape(study):
    subject = Experiment.load(study).samples("retain").subjects[0]
    own = subject.files.load()
    assert subject.images.shape == (3, *SHAPE)
    np.testing.assert_array_equal(subject.labels, own.labels)
    for image, before in zip(subject.images, own.images, strict=True):
        tissue = image[before != 0]
        assert tissue.mean() == pytest.approx(0, abs=1e-5)
        assert tissue.std() == pytest.approx(1, abs=1e-5)


def test_a_shape_crops_and_resizes_and_the_card_says_so(study):
    table = "[preprocessing]\nshape = [12, 20, 24]\n\n[model]"
    experiment = change(study, ("[model]", table))
    samples = experiment.samples("forget")
    batch = samples.batch(0)
    assert batch.image.shape == (1, 3, 12, 20, 24)
    assert batch.target.shape == (1, 12, 20, 24)
    volumes = experiment.training_job("oracle").card.volumes
    assert volumes.shape == (12, 20, 24)
    assert volumes.cropped


def test_the_card_says_what_segmenting_needs(study):
    volumes = Experiment.load(study).training_job("original").card.volumes
    assert volumes.channels == ("T1", "T1-IR", "FLAIR")
    assert (volumes.classes, len(volumes.labels)) == (11, 11)
    assert volumes.labels[3] == "white matter"
    assert (volumes.shape, volumes.cropped) == (None, False)


def test_names_of_labels_are_not_made_up(study):
    experiment = change(study, ("classes = 11", "classes = 12"))
    assert experiment.training_job("oracle").card.volumes.labels == ()


def test_files_are_read_once_while_there_is_room_and_again_when_there_is_none(study, monkeypatch):
    reads = []
    load = SubjectFiles.load
    monkeypatch.setattr(
        SubjectFiles, "load", lambda files: (reads.append(files.subject), load(files))[1]
    )
    experiment = Experiment.load(study)
    samples = experiment.samples("retain") + experiment.samples("retain")
    assert reads == []
    first = [samples.batch(place).image for place in range(6)]
    assert reads == list(SETS["retain"])
    experiment._shelf = Shelf(most=1)
    again = experiment.samples("retain")
    for _ in range(2):
        assert torch.equal(again.batch(0).image, first[0])
        assert torch.equal(again.batch(1).image, first[1])
    assert len(reads) == 3 + 4


def test_roles_learn_their_sets_and_equally_many_steps_if_asked(study):
    experiment = Experiment.load(study)
    original, oracle = (experiment.training_job(role) for role in ("original", "oracle"))
    assert ids(original.retain) == SETS["retain"] + SETS["forget"]
    assert ids(oracle.retain) == SETS["retain"]
    assert original.total_steps == oracle.total_steps == 2 * 5
    assert experiment.training_job("oracle", epochs=4).total_steps == 4 * 5
    assert set(original.tests) == {"unseen_test"}, "nonmember is for the attack alone"
    assert (original.card.retain_scans, original.card.forget_scans) == (3, 2)
    assert not original.task.frozen_statistics
    unequal = change(study, ("equal_steps = true", "equal_steps = false"))
    assert unequal.training_job("oracle").total_steps == 2 * 3


def test_unlearning_freezes_statistics_and_may_read_the_unseen(study, original):
    job = Experiment.load(study).unlearning_job("loss-match", epochs=3)
    assert job.task.frozen_statistics
    assert ids(job.unseen) == SETS["unseen"]
    assert set(job.tests) == {"unseen_test"}, "nonmember is for the attack alone"
    assert job.total_steps == 3 * 3
    assert job.parent == original
    assert Experiment.load(study).unlearning_job("noisy-label").unseen is None


def test_without_unseen_subjects_the_strategy_that_reads_them_says_so(study, original):
    experiment = change(study, ('unseen = ["head-0040"]\n', ""))
    assert experiment.unlearning_job("noisy-label").unseen is None
    with pytest.raises(UnlearnError, match="unseen set is empty"):
        experiment.unlearning_job("loss-match")


def test_a_request_is_about_its_part_of_the_forget_set_and_starts_where_it_is_told(study, original):
    experiment = Experiment.load(study)
    first = experiment.unlearning_job(
        "noisy-label", forget=["head-0010"], run_name="first", device="cpu"
    )
    assert ids(first.forget) == ("head-0010",)
    assert ids(first.retain) == SETS["retain"], "whoever waits for another request is not repaired"
    list(train(first))
    second = experiment.unlearning_job(
        "retain-label",
        forget=["*11"],
        parent="first",
        run_name="second",
        device="cpu",
    )
    assert ids(second.forget) == ("head-0011",)
    assert ids(second.retain) == SETS["retain"]
    list(train(second))
    cards = {name: read_card(path) for name, path in experiment.runs.items()}
    assert cards["first"].parent == sha256(original)
    assert cards["second"].parent == sha256(experiment.runs["first"])
    assert cards["second"].forget_scans == 1
    weights = {
        name: load_checkpoint(path)[0].state_dict() for name, path in experiment.runs.items()
    }
    assert not torch.equal(weights["first"]["conv1.weight"], weights["second"]["conv1.weight"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"forget": ["head-0000"], "run_name": "a"}, "is called 'head-0000'; accepted: ids or"),
        ({"forget": ["head-0010"]}, "needs a name of its own"),
        ({"parent": "first", "run_name": "a"}, "no run 'first'.*accepted: original"),
        ({"run_name": "original"}, "would replace a model"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(study, original, options, said):
    with pytest.raises(WrongUse, match=said) as caught:
        Experiment.load(study).unlearning_job("noisy-label", **options)
    assert "\n" not in str(caught.value)


def test_a_request_about_some_scans_names_them_by_name_or_file(tmp_path):
    study = write_study(tmp_path / "scans")
    experiment = Experiment.load(study)
    experiment.original.parent.mkdir(parents=True)
    experiment.original.touch()
    retained = experiment.unlearning_job("ft").retain
    for pattern in ("brain_0002", "brain_0002.h5", "brain_*2"):
        job = experiment.unlearning_job("nl-ft", forget=[pattern], run_name="part")
        assert [scan.header.name for scan in job.forget.scans] == ["brain_0002"]
        assert list(job.retain.lines) == list(retained.lines)
    with pytest.raises(WrongUse, match="No scan of the forget set is called 'brain_0000'"):
        experiment.unlearning_job("nl-ft", forget=["brain_0000"], run_name="part")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"head-0010", "head-0011"', '"head-0099"', "key 'data.forget' is 'head-0099'"),
        ('["head-000*"]', '["nobody*"]', "key 'data.retain' is 'nobody*'"),
        ('["head-002?"]', '["HEAD-0020"]', "key 'data.tests.unseen_test' is 'HEAD-0020'"),
        ('["head-0040"]', '["head-004"]', "key 'data.unseen' is 'head-004'"),
        ('root = "data"', 'root = "nowhere"', "key 'data.root' is 'nowhere'"),
        ('root = "data"', 'root = "data/images"', "key 'data.root' is 'data/images'"),
        ('root = "data"', 'root = "~nobody-of-that-name/x"', "key 'data.root'"),
    ],
)
def test_subjects_that_are_not_there_end_with_2_and_the_key(study, old, new, said):
    change(study, (old, new))
    told = run("train", study, "--role", "original", code=2).stderr
    assert said in told
    assert "accepted: " in told
    assert told.count("\n") == 1
    assert not (study / "runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["head-0010", "head-0011"]', '["head-0001"]', "head-0001 is in both the retain and the"),
        ('["head-002?"]', '["head-0011"]', "both the forget and the unseen_test set"),
        ('["head-002?"]', '["head-0040"]', "both the unseen and the unseen_test set"),
        ("in_channels = 3", "in_channels = 1", "3 contrasts (T1, T1-IR, FLAIR), but 'in_channels'"),
    ],
)
def test_training_refuses_what_would_waste_it(study, old, new, said):
    change(study, (old, new))
    told = run("train", study, "--role", "oracle", code=1).stderr
    assert said in told
    assert told.count("\n") == 1


def test_any_other_layout_is_described_by_patterns(study):
    for path in sorted((study / "data" / "images").iterdir()):
        subject, _, contrast = path.name.partition("_")
        path.rename(folder_of(study, subject) / contrast)
    for path in sorted((study / "data" / "labels").iterdir()):
        path.rename(folder_of(study, path.name.removesuffix(".nii.gz")) / "truth.nii.gz")
    patterns = """labels = "{subject}/truth.nii.gz"
images = { T1 = "{subject}/T1.nii.gz", FLAIR = "{subject}/FLAIR.nii.gz" }
[data.tests]"""
    experiment = change(study, ("[data.tests]", patterns), ("in_channels = 3", "in_channels = 2"))
    assert ids(experiment.samples("retain")) == SETS["retain"]
    job = experiment.training_job("oracle")
    assert job.card.volumes.channels == ("T1", "FLAIR")
    assert job.retain.batch(0).image.shape == (1, 2, *SHAPE)
    change(study, ("[data.tests]", patterns.replace("truth", "lies")))
    said = run("train", study, "--role", "oracle", code=1).stderr
    assert "no labels" in said


def folder_of(study, subject):
    folder = study / "data" / subject
    folder.mkdir(exist_ok=True)
    return folder


def test_two_test_sets_may_share_a_subject(study):
    experiment = change(study, ('["head-0030"]', '["head-0030", "head-0020"]'))
    assert ids(experiment.training_job("oracle").tests["unseen_test"]) == ("head-0020",)
    assert ids(experiment.samples("nonmember")) == ("head-0030", "head-0020")


def test_missing_labels_matter_only_where_the_subject_is_used(study):
    (study / "data" / "labels" / "head-0011.nii.gz").unlink()
    with pytest.raises(UnlearnError, match="head-0011 of the forget set has no labels"):
        Experiment.load(study).training_job("oracle")
    assert change(study, ('["head-0010", "head-0011"]', '["head-0010"]')).training_job("oracle")


def test_a_run_does_not_go_on_at_another_shape(study):
    job = Experiment.load(study).training_job("oracle", "cpu")
    for event in (events := train(job)):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    shape = "[preprocessing]\nshape = [16, 16, 16]\n\n[model]"
    other = change(study, ("[model]", shape)).training_job("oracle", "cpu")
    with pytest.raises(UnlearnError, match="other settings"):
        next(train(other, resume=True))
    assert next(train(job, resume=True)).resumed_at > 0


def test_labels_on_the_networks_grid_return_to_the_subjects_own(study):
    subject = Experiment.load(study).samples("retain").subjects[0].files.load()
    prepared, plan = prepare(subject, None)
    np.testing.assert_array_equal(restore(prepared.labels, plan), subject.labels)
    np.testing.assert_allclose(prepared.affine, subject.affine)
