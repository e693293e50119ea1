"""Which subject a path means."""

import shutil

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.viewer.segment_files import subjects_at

SHAPE = (16, 18, 17)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for seed in (1, 2):
        write_subject(folder, simulate_head(seed, SHAPE))
    return folder


def test_a_folder_stands_for_all_its_subjects(study):
    found, chosen = subjects_at(study)
    assert [files.subject for files in found] == ["head-0001", "head-0002"]
    assert chosen == 0


def test_a_volume_stands_for_its_subject_with_all_contrasts_and_labels(study):
    found, chosen = subjects_at(study / "images" / "head-0002_FLAIR.nii.gz")
    assert len(found) == 2
    assert found[chosen].subject == "head-0002"
    assert [channel for channel, _ in found[chosen].images] == ["T1", "T1-IR", "FLAIR"]
    assert found[chosen].load().labels is not None


def test_contrasts_side_by_side_belong_together(study, tmp_path):
    for contrast in ("T1", "FLAIR"):
        source = study / "images" / f"head-0001_{contrast}.nii.gz"
        shutil.copy(source, tmp_path / f"anna_{contrast}.nii.gz")
    shutil.copy(study / "labels" / "head-0001.nii.gz", tmp_path / "anna_labels.nii.gz")
    shutil.copy(source, tmp_path / "berta_FLAIR.nii.gz")
    [files], _ = subjects_at(tmp_path / "anna_FLAIR.nii.gz")
    assert files.subject == "anna"
    assert [channel for channel, _ in files.images] == ["T1", "FLAIR"]
    assert files.load().labels is not None


def test_files_named_by_contrast_alone_are_called_by_their_folder(study, tmp_path):
    folder = tmp_path / "Anna K"
    folder.mkdir()
    shutil.copy(study / "images" / "head-0001_T1-IR.nii.gz", folder / "T1-IR.nii.gz")
    [files], _ = subjects_at(folder / "T1-IR.nii.gz")
    assert (files.subject, files.images[0][0]) == ("Anna-K", "T1-IR")
    assert files.load().shape == SHAPE


def test_a_volume_that_names_no_contrast_is_taken_as_it_is(study, tmp_path):
    shutil.copy(study / "images" / "head-0001_T1.nii.gz", tmp_path / "scan.nii.gz")
    [files], _ = subjects_at(tmp_path / "scan.nii.gz")
    assert files.images == (("image", tmp_path / "scan.nii.gz"),)
    assert files.labels is None


@pytest.mark.parametrize("name", ["nothing.nii.gz", "nowhere"])
def test_a_path_that_leads_nowhere_is_one_sentence(tmp_path, name):
    with pytest.raises(UnlearnError, match="no such file"):
        subjects_at(tmp_path / name)
