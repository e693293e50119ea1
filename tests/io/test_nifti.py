import gzip

import nibabel as nib
import numpy as np
import pytest

from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.nifti import read_nifti, write_nifti
from napari_unlearn.io.volume import ImageVolume


def oblique(axes, spacing, tilt=0.2):
    """Affine whose columns point along RAS axes such as "LPS", tilted about z."""
    affine = np.eye(4)
    for column, (letter, size) in enumerate(zip(axes, spacing, strict=True)):
        row = next(i for i, pair in enumerate(("LR", "PA", "IS")) if letter in pair)
        affine[:3, column] = 0
        affine[row, column] = size if letter in "RAS" else -size
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    affine = turn @ affine
    affine[:3, 3] = 12, -7, 30
    return affine


def save(path, data, affine, **header):
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units(header.get("units", "mm"))
    if "slope" in header:
        image.header.set_slope_inter(header["slope"], header["inter"])
        image = nib.Nifti1Image(data, affine, image.header)
    nib.save(image, path)
    return path


def number_of(shape):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "PSR", "ASL", "RSP", "SAR"])
def test_every_voxel_stays_where_it_was_in_the_scanner(tmp_path, axes):
    data = number_of((4, 5, 6))
    affine = oblique(axes, (1.0, 1.1, 3.0))
    volume = read_nifti(save(tmp_path / "v.nii", data, affine))
    for index in np.ndindex(volume.data.shape):
        where = volume.affine @ (*index, 1)
        original = np.rint(np.linalg.inv(affine) @ where).astype(int)
        assert volume.data[index] == data[tuple(original[:3])]


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("RAS", ("S", "P", "L")),  # axial: anterior on top, the patient's right on the left
        ("LPI", ("S", "P", "L")),
        ("RSA", ("P", "I", "L")),  # coronal: superior on top
        ("PSR", ("R", "I", "P")),  # sagittal: anterior on the left
    ],
)
def test_slices_are_seen_as_a_radiologist_sees_them(tmp_path, axes, expected):
    path = save(tmp_path / "v.nii", number_of((4, 5, 6)), oblique(axes, (1.0, 1.0, 4.0)))
    volume = read_nifti(path)
    assert nib.aff2axcodes(volume.affine) == expected
    assert volume.data.shape[0] == 6
    assert volume.voxel_size == pytest.approx((4.0, 1.0, 1.0))


def test_cubic_voxels_are_cut_axially(tmp_path):
    volume = read_nifti(save(tmp_path / "v.nii", number_of((4, 5, 6)), oblique("PSR", (1, 1, 1))))
    assert nib.aff2axcodes(volume.affine) == ("S", "P", "L")
    assert volume.data.shape == (5, 4, 6)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_what_is_written_comes_back(tmp_path, name, dtype):
    data = np.random.default_rng(0).integers(0, 200, (3, 8, 7)).astype(dtype)
    # (slice, row, column) of a tilted sagittal scan
    affine = oblique("RIP", (4.0, 0.7, 0.8))
    volume = ImageVolume("v", data, (4.0, 0.7, 0.8), affine)
    again = read_nifti(write_nifti(tmp_path / name, volume))
    np.testing.assert_array_equal(again.data, data)
    np.testing.assert_allclose(again.affine, affine, atol=1e-5)
    assert again.voxel_size == pytest.approx(volume.voxel_size)
    assert nib.load(tmp_path / name).get_data_dtype() == dtype
    assert again.remarks == ()


def test_a_volume_without_position_keeps_its_order(tmp_path):
    data = np.random.default_rng(0).random((3, 8, 7), dtype=np.float32)
    again = read_nifti(write_nifti(tmp_path / "v.nii", ImageVolume("v", data, (5.0, 1.0, 1.0))))
    np.testing.assert_array_equal(again.data, data)
    assert again.voxel_size == pytest.approx((5.0, 1.0, 1.0))


def test_scaled_integers_become_their_values(tmp_path):
    data = np.linspace(-1, 3, 4 * 5 * 6).reshape(4, 5, 6)
    image = nib.Nifti1Image(data, np.eye(4))
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "v.nii")
    assert nib.load(tmp_path / "v.nii").dataobj.slope != 1
    volume = read_nifti(tmp_path / "v.nii")
    assert volume.data.max() == pytest.approx(3, abs=1e-3)
    assert volume.data.min() == pytest.approx(-1, abs=1e-3)


def test_lengths_in_metres_become_millimetres(tmp_path):
    path = save(
        tmp_path / "v.nii", number_of((4, 5, 6)), oblique("RAS", (1e-3,) * 3), units="meter"
    )
    assert read_nifti(path).voxel_size == pytest.approx((1, 1, 1), rel=1e-4)


def test_a_series_gives_the_volume_asked_for_and_says_so(tmp_path):
    data = number_of((4, 5, 6, 3))
    path = save(tmp_path / "v.nii.gz", data, oblique("LPS", (1, 1, 2)))
    volume = read_nifti(path, volume=2)
    np.testing.assert_array_equal(volume.data, data[..., 2].transpose(2, 1, 0))
    assert volume.remarks == ("Volume 2 of 3 in the file.",)
    with pytest.raises(ReadError, match="no volume 3; 0 to 2"):
        read_nifti(path, volume=3)


def test_numbers_of_a_large_uncompressed_file_stay_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_unlearn.io.nifti._MAPPED_FROM", 1000)
    path = save(tmp_path / "v.nii", number_of((64, 64, 50)), np.eye(4))
    base = read_nifti(path).data
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_a_gzipped_file_opens_under_any_name(tmp_path):
    path = save(tmp_path / "v.nii", number_of((4, 5, 6)), np.eye(4))
    packed = tmp_path / "packed.nii"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_nifti(packed).data, read_nifti(path).data)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_a_truncated_file_is_one_sentence(tmp_path, name):
    data = np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16)
    path = save(tmp_path / name, data, np.eye(4))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ReadError, match="truncated"):
        read_nifti(path)


def test_complex_numbers_are_refused(tmp_path):
    path = save(tmp_path / "v.nii", np.ones((4, 5, 6), np.complex64), np.eye(4))
    with pytest.raises(ReadError, match="real numbers"):
        read_nifti(path)


def test_nan_is_named_with_its_slice(tmp_path):
    data = np.zeros((4, 5, 6), np.float32)
    data[1, 1, 3] = np.nan
    volume = read_nifti(save(tmp_path / "v.nii", data, np.eye(4)))
    with pytest.raises(ReadError, match="NaN or infinity in slice 3"):
        volume.image(3)


def test_a_wrong_suffix_is_refused_on_writing(tmp_path):
    with pytest.raises(WriteError, match="ends in"):
        write_nifti(tmp_path / "v.txt", ImageVolume("v", np.zeros((1, 2, 2), np.float32)))
