import nibabel as nib
import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.open_subject import find_subject, load_images
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.phantoms.head import simulate_head
from tests.io.subject_nifti import SHAPE, save, save_challenge, save_medicalnet, some_image
from tests.io.test_nifti import oblique


def test_a_file_is_a_subject_of_one_contrast(tmp_path):
    path = save(tmp_path / "head 7.nii.gz", some_image())
    files = find_subject(path)
    assert (files.subject, files.images) == ("head_7", (("image", path),))
    loaded = load_images(files)
    assert loaded.images.shape == (1, *SHAPE[::-1])
    assert loaded.source == str(path)


def test_a_file_called_by_its_contrast_says_so(tmp_path):
    path = save(tmp_path / "head-0003_flair.nii.gz", some_image())
    files = find_subject(path)
    assert (files.subject, files.images) == ("head-0003", (("FLAIR", path),))


def test_a_series_holds_one_contrast_per_volume(tmp_path):
    series = np.stack([some_image(seed) for seed in range(3)], axis=-1)
    affine = oblique("ASL", (1.0, 1.1, 3.0))
    loaded = load_images(find_subject(save(tmp_path / "s.nii.gz", series, affine)))
    assert loaded.channels == ("image 1", "image 2", "image 3")
    for number in range(3):
        alone = save(tmp_path / f"{number}.nii.gz", some_image(number), affine)
        single = load_images(find_subject(alone))
        np.testing.assert_array_equal(loaded.images[number], single.images[0])
        np.testing.assert_array_equal(loaded.affine, single.affine)


def test_a_series_in_time_is_no_set_of_contrasts(tmp_path):
    path = save(tmp_path / "bold.nii.gz", np.ones((2, 2, 2, 80), np.uint8))
    with pytest.raises(ReadError, match=r"a series of 80 volumes; .* at most 64"):
        load_images(find_subject(path))


def test_a_single_slice_is_no_volume(tmp_path):
    nib.save(nib.Nifti1Image(some_image()[..., 0], np.eye(4)), tmp_path / "slice.nii")
    with pytest.raises(ReadError, match="a single slice"):
        load_images(find_subject(tmp_path / "slice.nii"))


@pytest.mark.parametrize("inner", ["", "pre"])
def test_a_subjects_folder_of_mrbrains_needs_no_labels(tmp_path, inner):
    save_challenge(tmp_path, "070")
    (tmp_path / "070" / "segm.nii.gz").unlink()
    files = find_subject(tmp_path / "070" / inner)
    assert files.subject == "070"
    assert load_images(files).channels == ("T1", "T1-IR", "FLAIR")


def test_labels_are_left_alone_even_if_damaged(tmp_path):
    save_challenge(tmp_path, "070")
    (tmp_path / "070" / "segm.nii.gz").write_bytes(b"damaged")
    files = find_subject(tmp_path / "070")
    assert files.labels is not None
    assert load_images(files).labels is None


def test_a_folder_of_files_called_by_their_contrasts(tmp_path):
    for name in ("T1", "x_FLAIR"):
        save(tmp_path / "anna" / f"{name}.nii", some_image())
    files = find_subject(tmp_path / "anna")
    assert (files.subject, [name for name, _ in files.images]) == ("anna", ["T1", "FLAIR"])
    save(tmp_path / "anna" / "other.nii", some_image())
    with pytest.raises(ReadError, match=r"3 NIfTI files of which 2 .* NAME=FILE"):
        find_subject(tmp_path / "anna")


def test_one_of_several_subjects_is_named(tmp_path):
    for seed in (1, 2):
        write_subject(tmp_path, simulate_head(seed, shape=(16, 20, 20)))
    files = find_subject(tmp_path, "head-0002")
    assert [name for name, _ in files.images] == ["T1", "T1-IR", "FLAIR"]
    with pytest.raises(ReadError, match="2 subjects; name one of head-0001, head-0002"):
        find_subject(tmp_path)
    with pytest.raises(ReadError, match="no subject head-9; name one of head-0001"):
        find_subject(tmp_path, "head-9")


def test_a_folder_or_list_with_one_subject_means_that_one(tmp_path):
    save_medicalnet(tmp_path, "070")
    assert find_subject(tmp_path).subject == "070"
    (tmp_path / "list.txt").write_text("images/070.nii.gz\n")
    assert find_subject(tmp_path / "list.txt").images[0][0] == "T1"


def test_what_is_no_volume_is_one_sentence(tmp_path):
    (tmp_path / "a.nii").write_text("nothing")
    for path in (tmp_path / "a.nii", tmp_path / "missing.nii", tmp_path):
        with pytest.raises(UnlearnError) as caught:
            load_images(find_subject(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
