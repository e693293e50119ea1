import nibabel as nib
import numpy as np
import pytest

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.mrbrains import challenge_subjects, listed_subjects
from napari_unlearn.io.subject_files import SubjectFiles, write_subject
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.phantoms.head import simulate_head
from tests.io.subject_nifti import (
    SHAPE,
    save,
    save_challenge,
    save_medicalnet,
    some_image,
    some_labels,
)
from tests.io.test_nifti import oblique


def test_the_challenge_layout_gives_three_channels_in_order(tmp_path):
    for subject in ("7", "070", "1"):
        save_challenge(tmp_path, subject)
    found = find_subjects(tmp_path)
    assert [files.subject for files in found] == ["070", "1", "7"]
    subject = found[0].load()
    assert subject.channels == ("T1", "T1-IR", "FLAIR")
    assert subject.images.dtype == np.float32
    assert subject.shape == SHAPE[::-1]
    for channel, seed in zip(subject.images, (1, 2, 0), strict=True):
        np.testing.assert_array_equal(channel, some_image(seed).transpose(2, 1, 0))
    np.testing.assert_array_equal(subject.labels, some_labels().transpose(2, 1, 0))


def test_a_subject_of_the_challenge_that_lacks_a_file_is_named(tmp_path):
    save_challenge(tmp_path, "070")
    (tmp_path / "070" / "segm.nii.gz").unlink()
    with pytest.raises(ReadError, match="subject 070 lacks its labels"):
        challenge_subjects(tmp_path)
    assert challenge_subjects(tmp_path, labelled=False)[0].load().labels is None
    (tmp_path / "070" / "pre" / "reg_IR.nii.gz").unlink()
    with pytest.raises(ReadError, match="subject 070 lacks its T1-IR image"):
        challenge_subjects(tmp_path, labelled=False)


def test_a_medicalnet_list_names_its_subjects(tmp_path):
    for subject in ("148", "070"):
        save_medicalnet(tmp_path, subject)
    train = tmp_path / "train.txt"
    train.write_text("images/148.nii.gz labels/148.nii.gz\n\nimages/070.nii.gz labels/070.nii.gz\n")
    found = find_subjects(train)
    assert [files.subject for files in found] == ["070", "148"]
    assert found[0].load().channels == ("T1",)
    (tmp_path / "lists").mkdir()
    elsewhere = train.rename(tmp_path / "lists" / "train.txt")
    assert listed_subjects(elsewhere, root=tmp_path) == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("images/1.nii.gz labels/1.nii.gz\nimages/1.nii.gz\n", "line 2 has 1 names"),
        ("images/1.nii.gz labels/1.nii.gz extra\n", "line 1 has 3 names"),
        ("images/1.nii.gz labels/2.nii.gz\n", "line 1 names labels/2.nii.gz; no such file"),
        ("\n", "names no subject"),
        ("images/1.nii.gz labels/1.nii.gz\n" * 2, "another subject 1"),
    ],
)
def test_a_wrong_line_of_a_list_is_named(tmp_path, text, sentence):
    save_medicalnet(tmp_path, "1")
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ReadError, match=sentence):
        listed_subjects(tmp_path / "list.txt")


def test_a_list_may_name_unlabelled_images_if_asked(tmp_path):
    save_medicalnet(tmp_path, "1")
    (tmp_path / "list.txt").write_text("images/1.nii.gz\n")
    assert listed_subjects(tmp_path / "list.txt", labelled=False)[0].load().labels is None


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(ReadError, match="not a text"):
        find_subjects(tmp_path / "list.txt")


def test_a_folder_of_images_and_labels_needs_no_pattern(tmp_path):
    save_medicalnet(tmp_path, "070")
    (files,) = find_subjects(tmp_path)
    assert (files.subject, files.load().channels) == ("070", ("image",))


def test_patterns_describe_any_other_folder(tmp_path):
    for subject in ("a-1", "b.2"):
        for channel in ("t1", "flair"):
            save(tmp_path / subject / f"{subject}_{channel}.nii", some_image())
        save(tmp_path / "truth" / f"{subject}[x].nii.gz", some_labels())
    patterns = {name: f"{{subject}}/{{subject}}_{name}.nii" for name in ("t1", "flair")}
    found = find_subjects(tmp_path, patterns, "truth/{subject}[x].nii.gz")
    assert [files.subject for files in found] == ["a-1", "b.2"]
    assert found[1].load().channels == ("t1", "flair")


def test_a_repeated_mark_stands_for_one_id(tmp_path):
    save(tmp_path / "a" / "b.nii", some_image())
    with pytest.raises(ReadError, match="no image matches"):
        find_subjects(tmp_path, {"T1": "{subject}/{subject}.nii"}, labelled=False)


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        ({"T1": "images/*.nii.gz"}, "labels/{subject}.nii.gz", "is no pattern"),
        ({"T1": "/images/{subject}.nii.gz"}, "labels/{subject}.nii.gz", "is no pattern"),
        ({"T1": "pictures/{subject}.nii.gz"}, "labels/{subject}.nii.gz", "no image matches"),
        ({"T1": "images/{subject}.nii.gz"}, "truth/{subject}.nii.gz", "070 lacks its labels"),
        (
            {"T1": "images/{subject}.nii.gz", "FLAIR": "images/{subject}_FLAIR.nii.gz"},
            "labels/{subject}.nii.gz",
            "070 lacks its FLAIR image",
        ),
    ],
)
def test_patterns_that_do_not_fit_are_one_sentence(tmp_path, images, labels, sentence):
    save_medicalnet(tmp_path, "070")
    with pytest.raises(ReadError, match=sentence):
        find_subjects(tmp_path, images, labels)


def test_labels_of_nobody_are_not_passed_over(tmp_path):
    save_medicalnet(tmp_path, "070")
    save(tmp_path / "labels" / "71.nii.gz", some_labels())
    with pytest.raises(ReadError, match=r"71\.nii\.gz: labels of subject 71, who has no image"):
        find_subjects(tmp_path)


def test_a_folder_without_subjects_or_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(ReadError, match="no image matches"):
        find_subjects(tmp_path)
    with pytest.raises(ReadError, match="no such file or folder"):
        find_subjects(tmp_path / "nowhere")
    with pytest.raises(ReadError, match="no subject found"):
        challenge_subjects(tmp_path)


def test_finding_subjects_reads_no_numbers(tmp_path):
    save_medicalnet(tmp_path, "070")
    (tmp_path / "labels" / "070.nii.gz").write_bytes(b"damaged")
    (files,) = find_subjects(tmp_path)
    with pytest.raises(ReadError, match="not a NIfTI file"):
        files.load()


def test_files_of_different_shapes_are_refused(tmp_path):
    save_challenge(tmp_path, "070", segm=some_labels(shape=(9, 8, 6)))
    with pytest.raises(ReadError, match=r"segm.nii.gz have shapes \(7, 8, 9\) and \(6, 8, 9\)"):
        find_subjects(tmp_path)[0].load()


@pytest.mark.parametrize("wrong", ["labels", "image"])
def test_files_that_lie_elsewhere_are_refused(tmp_path, wrong):
    paths = {
        name: save(tmp_path / f"{name}.nii.gz", data)
        for name, data in (("image", some_image()), ("t1", some_image()), ("labels", some_labels()))
    }
    files = SubjectFiles("070", (("T1", paths["t1"]), ("FLAIR", paths["image"])), paths["labels"])
    affine = oblique("LPS", (1.0, 1.1, 3.0))
    close = affine + np.pad(np.full((3, 1), 1e-3), ((0, 1), (3, 0)))
    data = np.asarray(nib.load(paths[wrong]).dataobj)
    save(paths[wrong], data, close)
    files.load()
    affine[1, 3] += 2.0
    save(paths[wrong], data, affine)
    with pytest.raises(ReadError, match=r"lie up to 2\.0 mm apart by their affines"):
        files.load()


def test_files_that_store_one_grid_in_different_orders_fit_together(tmp_path):
    image, labels = some_image(), some_labels()
    affine = oblique("LPS", (1.0, 1.1, 3.0))
    flipped = affine @ np.array([[0, 0, -1, 8], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    save(tmp_path / "image.nii", image, affine)
    save(tmp_path / "labels.nii", labels[::-1].transpose(1, 2, 0), flipped)
    files = SubjectFiles("1", (("T1", tmp_path / "image.nii"),), tmp_path / "labels.nii")
    np.testing.assert_array_equal(files.load().labels, labels.transpose(2, 1, 0))


def test_a_series_or_nan_among_the_channels_is_refused(tmp_path):
    save_challenge(tmp_path, "070", reg_T1=np.stack([some_image()] * 2, axis=-1))
    with pytest.raises(ReadError, match=r"reg_T1.nii.gz: a series of 2 volumes"):
        find_subjects(tmp_path)[0].load()
    broken = some_image()
    broken[3, 3, 3] = np.nan
    save_challenge(tmp_path, "070", FLAIR=broken)
    with pytest.raises(ReadError, match=r"FLAIR.nii.gz: holds NaN"):
        find_subjects(tmp_path)[0].load()


def test_a_simulated_head_returns_from_disk_as_it_was(tmp_path):
    # 28 columns make voxels widest across the head; slices must stay axial all the same.
    head = simulate_head(5, (20, 40, 28))
    written = write_subject(tmp_path, head)
    (found,) = find_subjects(tmp_path)
    assert found == written
    again = found.load()
    assert (again.subject, again.channels) == (head.subject, head.channels)
    np.testing.assert_array_equal(again.images, head.images)
    np.testing.assert_array_equal(again.labels, head.labels)
    np.testing.assert_allclose(again.affine, head.affine, atol=1e-4)
