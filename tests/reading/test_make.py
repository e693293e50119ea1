"""Studies from folders and from what `compare` wrote."""

import numpy as np
import pytest
from skimage.io import imsave

from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.images import check_images, load_case, read_image
from napari_unlearn.reading.make import find_cases, make_study
from tests.reading.studies import ARMS, SHAPE, VOXEL, level, write_images, write_study


def names(found):
    return {
        case: {arm: path.name for arm, path in images.items()} for case, images in found.items()
    }


def test_a_folder_per_case_with_an_image_per_arm(tmp_path):
    write_images(tmp_path, 2)
    (tmp_path / "head-0" / "notes.txt").write_text("mine")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "empty").mkdir()
    images = {arm: f"{arm}.nii.gz" for arm in ARMS}
    assert names(find_cases(tmp_path)) == {"head-0": images, "head-1": images}


def test_a_folder_per_arm_with_an_image_per_case(tmp_path):
    for arm in ("old", "new"):
        (tmp_path / arm).mkdir()
        for case in ("a", "b"):
            imsave(tmp_path / arm / f"{case}.PNG", np.zeros((4, 5), np.uint8), check_contrast=False)
    found = find_cases(tmp_path, by_arm=True)
    assert names(found) == {
        "a": {"new": "a.PNG", "old": "a.PNG"},
        "b": {"new": "b.PNG", "old": "b.PNG"},
    }


def test_arms_are_chosen_by_name(tmp_path):
    write_images(tmp_path, 1)
    (tmp_path / "head-0" / "zerofilled.nii.gz").unlink()
    assert [*find_cases(tmp_path, arms=["oracle", "firstmodel"])["head-0"]] == [
        "oracle",
        "firstmodel",
    ]
    with pytest.raises(ReadingError, match="no arm 'prophet'; found: firstmodel, oracle"):
        find_cases(tmp_path, arms=["prophet"])


def test_what_compare_wrote_gives_its_reconstructions_and_the_reference(tmp_path):
    write_images(tmp_path, 1)
    case = tmp_path / "head-0"
    (case / "comparison.json").write_text("{}")
    for arm in ARMS:
        (case / f"{arm}.nii.gz").rename(case / f"{arm}_reconstruction.nii.gz")
    (case / "oracle_error.nii.gz").write_bytes(b"")
    write_images(tmp_path / "other", 1)
    (tmp_path / "other" / "head-0" / "oracle.nii.gz").rename(case / "reference.nii.gz")
    wanted = sorted([*ARMS, "reference"])
    assert sorted(find_cases(tmp_path / "head-0")["head-0"]) == wanted


def test_a_case_without_an_arm_is_named(tmp_path):
    write_images(tmp_path, 2)
    (tmp_path / "head-1" / "oracle.nii.gz").unlink()
    with pytest.raises(ReadingError, match="case 'head-1' has no image of arm 'oracle'"):
        find_cases(tmp_path)


def test_nothing_found_says_what_is_expected(tmp_path):
    with pytest.raises(ReadingError, match="CASE/ARM"):
        find_cases(tmp_path)
    with pytest.raises(ReadingError, match="no such folder"):
        find_cases(tmp_path / "missing")


def test_two_images_of_one_name_are_refused(tmp_path):
    write_images(tmp_path, 1)
    imsave(tmp_path / "head-0" / "oracle.png", np.zeros((4, 5), np.uint8), check_contrast=False)
    with pytest.raises(ReadingError, match="share a name"):
        find_cases(tmp_path)


def test_a_case_is_loaded_in_the_order_of_its_letters_on_one_grey_scale(tmp_path):
    study = write_study(tmp_path, cases=1)
    arms = ("zerofilled", "firstmodel", "oracle")
    loaded = load_case(study, "head-0", arms)
    assert loaded.labels == ("A", "B", "C")
    assert [float(image[0, 0, 0]) for image in loaded.images] == [level(0, arm) for arm in arms]
    assert loaded.images[0].shape == SHAPE
    assert loaded.voxel_size == VOXEL
    assert loaded.limits == (0.0, level(0, "zerofilled"))


def test_what_cannot_be_read_is_named_by_its_letter_to_readers(tmp_path):
    study = write_study(tmp_path, cases=1)
    study.image("head-0", "oracle").write_bytes(b"broken")
    with pytest.raises(ReadingError) as caught:
        load_case(study, "head-0", ("firstmodel", "oracle", "zerofilled"))
    assert "Case head-0, image B" in str(caught.value)
    for arm in ARMS:
        assert arm not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(ReadingError, match=r"Case 'head-0', arm 'oracle'.*oracle.nii.gz"):
        list(check_images(study))


def test_images_on_other_grids_are_not_read_side_by_side(tmp_path):
    study = write_study(tmp_path / "study", cases=1)
    other = write_images(tmp_path / "other", 1) / "head-0" / "oracle.nii.gz"
    picture = study.image("head-0", "oracle")
    imsave(picture.with_suffix("").with_suffix(".png"), np.zeros((4, 5), np.uint8))
    text = study.path.read_text().replace("oracle.nii.gz", "oracle.png")
    other.unlink()
    study.path.write_text(text)
    study = type(study).load(study.path)
    with pytest.raises(ReadingError, match="its grid is not that of image A"):
        load_case(study, "head-0", ("firstmodel", "oracle", "zerofilled"))
    with pytest.raises(ReadingError, match="lie on one grid"):
        list(check_images(study))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 3)])
def test_pictures_are_read_as_grey_values(tmp_path, suffix, shape):
    path = tmp_path / f"image{suffix}"
    imsave(path, np.full(shape, 100, np.uint8), check_contrast=False)
    volume = read_image(path)
    assert volume.data.shape == (1, 6, 7)
    assert volume.data[0, 0, 0] == pytest.approx(100, abs=0.5)


def test_pages_of_a_tiff_are_slices(tmp_path):
    imsave(tmp_path / "image.tif", np.zeros((5, 6, 7), np.uint16), check_contrast=False)
    assert read_image(tmp_path / "image.tif").data.shape == (5, 6, 7)


def test_a_broken_picture_is_a_sentence(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(Exception, match="cannot be read as a picture") as caught:
        read_image(tmp_path / "image.png")
    assert "\n" not in str(caught.value)


def test_images_outside_the_folder_are_found_again(tmp_path):
    images = write_images(tmp_path / "images", 1)
    study = make_study(tmp_path / "study", find_cases(images))
    assert [*check_images(study)] == ["head-0: 3 images, 4 x 20 x 24 voxels of 5 x 2 x 1 mm"]
