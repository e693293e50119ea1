import nibabel as nib
import numpy as np
import pytest

from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.label_volume import read_labels, write_labels
from tests.io.subject_nifti import save, some_labels
from tests.io.test_nifti import oblique

ORDERS = pytest.mark.parametrize("axes", ["RAS", "LPS", "PSR", "ASL", "SAR"])


def test_labels_are_read_as_axial_bytes(tmp_path):
    labels = some_labels()
    # Coronal slices 4 mm thick: an image of this grid would be shown coronal.
    path = save(tmp_path / "l.nii.gz", labels.astype(np.int16), oblique("RSA", (1, 1, 4)))
    volume = read_labels(path)
    assert volume.data.dtype == np.uint8
    assert nib.aff2axcodes(volume.affine) == ("S", "P", "L")
    np.testing.assert_array_equal(volume.data, labels[::-1, :, ::-1].transpose(1, 2, 0))


def test_labels_stored_as_floats_or_with_a_scale_are_whole_numbers_again(tmp_path):
    labels = some_labels()
    plain = read_labels(save(tmp_path / "plain.nii", labels)).data
    floats = read_labels(save(tmp_path / "floats.nii", labels.astype(np.float64))).data
    image = nib.Nifti1Image(labels, nib.load(tmp_path / "plain.nii").affine)
    image.header.set_slope_inter(0.1, 0)
    image.header.set_data_dtype(np.int16)
    scaled = nib.Nifti1Image(labels.astype(np.float32), image.affine, image.header)
    nib.save(scaled, tmp_path / "scaled.nii")
    np.testing.assert_array_equal(floats, plain)
    np.testing.assert_array_equal(read_labels(tmp_path / "scaled.nii").data, plain)


@pytest.mark.parametrize(
    ("value", "dtype", "sentence"),
    [
        (11, np.uint8, "unexpected label values 11; 0 to 10 are accepted"),
        (-1, np.int16, "unexpected label values -1; 0 to 10"),
        (2.5, np.float32, "holds 2.5, which is no label"),
        (np.nan, np.float32, "holds nan, which is no label"),
        (np.inf, np.float32, "holds inf, which is no label"),
    ],
)
def test_values_that_are_no_labels_are_named(tmp_path, value, dtype, sentence):
    labels = some_labels().astype(dtype)
    labels[1, 2, 3] = value
    with pytest.raises(ReadError, match=sentence) as caught:
        read_labels(save(tmp_path / "l.nii.gz", labels))
    assert "l.nii.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_label_sets_are_read_on_request(tmp_path):
    labels = np.where(some_labels() > 5, 17, 0).astype(np.uint8)
    path = save(tmp_path / "l.nii.gz", labels)
    assert set(np.unique(read_labels(path, allowed=(0, 17)).data)) == {0, 17}
    assert set(np.unique(read_labels(path, allowed=None).data)) == {0, 17}
    with pytest.raises(ReadError, match=r"values 17; 0, 3 are"):
        read_labels(path, allowed=(0, 3))


def test_a_map_of_nothing_but_background_is_refused(tmp_path):
    with pytest.raises(ReadError, match="every voxel is background"):
        read_labels(save(tmp_path / "l.nii.gz", np.zeros((4, 5, 6), np.uint8)))


def test_a_series_is_refused_where_one_volume_is_asked_for(tmp_path):
    labels = np.stack([some_labels()] * 3, axis=-1)
    with pytest.raises(ReadError, match=r"a series of 3 volumes.* one volume in 3"):
        read_labels(save(tmp_path / "l.nii.gz", labels))
    single = save(tmp_path / "single.nii.gz", labels[..., :1])
    assert read_labels(single).data.shape == (7, 8, 9)


@ORDERS
@pytest.mark.parametrize("codes", [(1, 1), (2, 0), (0, 1)])
def test_labels_return_into_the_very_grid_of_their_image(tmp_path, axes, codes):
    labels = some_labels()
    affine = oblique(axes, (1.0, 1.1, 3.0), tilt=0.4)
    model = save(tmp_path / "model.nii.gz", labels, affine, codes)
    read = read_labels(model)
    written = nib.load(write_labels(tmp_path / "out.nii.gz", read.data, read.affine, like=model))
    original = nib.load(model)
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels)
    np.testing.assert_array_equal(written.affine, original.affine)
    assert written.get_data_dtype() == np.uint8
    for form in ("sform", "qform"):
        assert written.header[f"{form}_code"] == original.header[f"{form}_code"]
    np.testing.assert_array_equal(
        written.get_sform() if codes[0] else written.get_qform(),
        original.get_sform() if codes[0] else original.get_qform(),
    )


def test_a_grid_at_45_degrees_or_in_metres_is_no_exception(tmp_path):
    labels = some_labels()
    tilted = save(tmp_path / "a.nii", labels, oblique("LPS", (1, 1.1, 3), tilt=np.pi / 4))
    metres = save(tmp_path / "b.nii", labels, oblique("LPS", (1e-3, 1e-3, 3e-3)), units="meter")
    for model in (tilted, metres):
        read = read_labels(model)
        written = nib.load(write_labels(tmp_path / "out.nii", read.data, read.affine, like=model))
        np.testing.assert_array_equal(np.asarray(written.dataobj), labels)
        np.testing.assert_array_equal(written.affine, nib.load(model).affine)
        assert written.header.get_xyzt_units() == nib.load(model).header.get_xyzt_units()


def test_a_model_with_a_nonsensical_qform_is_still_a_model(tmp_path):
    labels = some_labels()
    image = nib.load(save(tmp_path / "good.nii", labels))
    image.header["quatern_b"] = image.header["quatern_c"] = 2
    nib.save(image, tmp_path / "model.nii")
    with pytest.raises(ValueError, match="w2 should be positive"):
        nib.load(tmp_path / "model.nii").get_qform(coded=True)
    read = read_labels(tmp_path / "model.nii")
    out = write_labels(tmp_path / "out.nii", read.data, read.affine, like=tmp_path / "model.nii")
    np.testing.assert_array_equal(np.asarray(nib.load(out).dataobj), labels)
    assert nib.load(out).header["qform_code"] == 0


@pytest.mark.parametrize("kind", [nib.Nifti2Image, nib.Nifti1Pair])
def test_labels_are_written_like_nifti2_and_header_pairs_too(tmp_path, kind):
    labels = some_labels()
    model = tmp_path / ("model.hdr" if kind is nib.Nifti1Pair else "model.nii")
    nib.save(kind(labels, oblique("LPS", (1, 1.1, 3))), model)
    read = read_labels(model)
    out = nib.load(write_labels(tmp_path / "out.nii.gz", read.data, read.affine, like=model))
    np.testing.assert_array_equal(np.asarray(out.dataobj), labels)
    np.testing.assert_allclose(out.affine, nib.load(model).affine, atol=1e-6)


def test_without_a_model_every_label_stays_where_it_was_in_the_scanner(tmp_path):
    path = save(tmp_path / "l.nii.gz", some_labels(), oblique("PSR", (1.0, 1.1, 3.0)))
    read = read_labels(path)
    again = read_labels(write_labels(tmp_path / "out.nii.gz", read.data, read.affine))
    np.testing.assert_array_equal(again.data, read.data)
    np.testing.assert_allclose(again.affine, read.affine, atol=1e-4)


def test_labels_of_another_grid_are_not_written_like_it(tmp_path):
    model = save(tmp_path / "model.nii.gz", some_labels())
    read = read_labels(model)
    moved = read.affine.copy()
    moved[0, 3] += 0.5
    for labels, affine in ((read.data, moved), (read.data[1:], read.affine)):
        with pytest.raises(WriteError, match="do not lie on the grid of"):
            write_labels(tmp_path / "out.nii.gz", labels, affine, like=model)
    assert not (tmp_path / "out.nii.gz").exists()
    with pytest.raises(WriteError, match="ends in"):
        write_labels(tmp_path / "out.txt", read.data, read.affine, like=model)
