import csv
import json
from dataclasses import replace

import h5py
import nibabel
import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import ImageQuality
from napari_unlearn.evaluation.export import export_comparison, file_names
from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.evaluation.image_quality import volume_and_slice_quality
from tests.evaluation.synthetic import comparison

AFFINE = np.array([[0, 0, -2.0, 60], [0, -3.0, 0, 40], [5.0, 0, 0, -10], [0, 0, 0, 1]])


def judged(affine=AFFINE):
    made = highlight(
        comparison(
            {
                "G 1": ("original", [(0, 20, 20, 8, 8, 0.5)]),
                "Unlearned/DC": ("unlearned", [(1, 40, 30, 8, 8, -0.5)]),
            },
            slices=2,
            voxel_size=(5.0, 3.0, 2.0),
        ),
        0.2,
    )
    arms = []
    for arm in made.arms:
        volume, slices = volume_and_slice_quality(made.reference, arm.images)
        arms.append(replace(arm, quality=volume, slice_quality=slices, model="/a/b/model.pt"))
    return replace(made, arms=tuple(arms), header=replace(made.header, affine=affine))


@pytest.fixture
def folder(tmp_path):
    export_comparison(judged(), tmp_path / "out")
    return tmp_path / "out"


def test_the_list_of_files_is_what_lies_in_the_folder(tmp_path):
    files = export_comparison(judged(), tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert {file.name for file in files} >= {
        "figure.png",
        "figure.svg",
        "reference.nii.gz",
        "g_1_error.nii.gz",
        "unlearned_dc_highlights.nii.gz",
        "comparison.h5",
        "comparison.json",
        "metrics.csv",
        "regions.csv",
    }


def test_a_voxel_of_the_nifti_map_lies_where_the_scans_voxel_lies(folder):
    made = judged()
    image = nibabel.load(folder / "unlearned_dc_error.nii.gz")
    data = image.get_fdata()
    assert data.shape == (64, 64, 2)
    index = (1, 43, 33)
    assert data[33, 43, 1] == pytest.approx(made.arms[1].errors[index])
    assert data[33, 43, 1] > 0.4
    np.testing.assert_allclose(image.affine @ [33, 43, 1, 1], AFFINE @ [*index, 1])
    assert image.header.get_zooms() == (2, 3, 5)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert int(image.header["sform_code"]) == 1


def test_highlights_stay_whole_numbers(folder):
    image = nibabel.load(folder / "g_1_highlights.nii.gz")
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(
        np.asarray(image.dataobj).transpose(2, 1, 0), judged().arms[0].highlights
    )


def test_without_an_affine_no_place_in_the_scanner_is_claimed(tmp_path):
    export_comparison(judged(affine=None), tmp_path)
    image = nibabel.load(tmp_path / "reference.nii.gz")
    assert image.header.get_zooms() == (2, 3, 5)
    assert int(image.header["sform_code"]) != 1
    assert int(image.header["qform_code"]) != 1


def test_hdf5_holds_the_arrays_bit_for_bit(folder):
    made = judged()
    with h5py.File(folder / "comparison.h5") as file:
        np.testing.assert_array_equal(file["reference"][()], made.reference)
        np.testing.assert_array_equal(file["unlearned_dc/error"][()], made.arms[1].errors)
        np.testing.assert_array_equal(file["mask"][()], made.mask)
        assert file["g_1"].attrs["role"] == "original"
        assert file.attrs["threshold"] == 0.2


def test_json_holds_every_number_and_no_folder(folder):
    made = judged()
    content = json.loads((folder / "comparison.json").read_text())
    arm = content["arms"][1]
    assert arm["volume"]["psnr"] == made.arms[1].quality.psnr
    assert arm["highlighted_mm2"]["introduced"] == 64 * 6
    assert arm["regions"][0]["kind"] == made.arms[1].regions[0].kind
    assert arm["model"] == "model.pt"
    assert content["threshold_from"] == "set by hand"


def test_figures_that_are_not_finite_are_null_in_json(tmp_path):
    made = judged()
    perfect = ImageQuality(float("inf"), 1.0, 0.0)
    arms = (replace(made.arms[0], quality=perfect), made.arms[1])
    export_comparison(replace(made, arms=arms, threshold=float("nan")), tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["arms"][0]["volume"]["psnr"] is None
    assert content["threshold"] is None


def test_the_table_has_the_volume_and_every_slice_of_every_arm(folder):
    made = judged()
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["arm"], r["slice"]) for r in rows] == [
        (name, place) for name in ("G 1", "Unlearned/DC") for place in ("volume", "0", "1")
    ]
    assert float(rows[0]["ssim"]) == made.arms[0].quality.ssim
    assert float(rows[1]["removed_mm2"]) == 64 * 6
    assert float(rows[2]["removed_mm2"]) == 0


def test_the_regions_table_lists_every_region(folder):
    made = judged()
    with (folder / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(arm.regions) for arm in made.arms)
    first = made.arms[0].regions[0]
    assert (float(rows[0]["row"]), float(rows[0]["column"])) == first.centre
    assert float(rows[0]["mean_error"]) == first.mean_error


def test_errors_that_nobody_knows_are_blank_in_the_regions_table(tmp_path):
    made = judged()
    arms = tuple(
        replace(arm, regions=tuple(replace(r, mean_error=float("nan")) for r in arm.regions))
        for arm in made.arms
    )
    export_comparison(replace(made, arms=arms), tmp_path)
    with (tmp_path / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["mean_error"] for row in rows} == {""}


def test_without_a_reference_images_alone_are_written(tmp_path):
    made = judged()
    arms = tuple(
        replace(a, errors=None, highlights=None, regions=(), quality=None, slice_quality=())
        for a in made.arms
    )
    files = export_comparison(
        replace(made, reference=None, arms=arms, threshold=float("nan")), tmp_path
    )
    names = {file.name for file in files}
    assert "g_1_reconstruction.nii.gz" in names
    assert not any("error" in name or "highlights" in name for name in names)


def test_captions_become_distinct_file_names():
    made = comparison({n: ("other", []) for n in ("A b", "a/B", "Reference", "ε")})
    assert file_names(made) == ["a_b", "a_b_2", "reference_2", "ε"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlearnError, match="cannot be made"):
        export_comparison(judged(), tmp_path / "file" / "out")
