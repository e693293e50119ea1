"""MRD files become scans: readouts sorted, averaged, chosen and cropped, or one sentence."""

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.info import describe
from napari_unlearn.io.mrd import MrdScan, read_mrd
from napari_unlearn.io.open import find_scans, open_scan
from napari_unlearn.mri.arrays import centre_crop, root_sum_of_squares, to_image, to_kspace
from tests.io.mrd_files import flag, readout, readouts_of, write_mrd, xml
from tests.io.test_fastmri import random_kspace

FIXTURE = Path(__file__).parent / "data" / "ismrmrd_1.15.mrd"


def test_every_slice_survives_the_round_trip(tmp_path):
    kspaces = random_kspace(3, 2, 8, 6)
    scan = open_scan(write_mrd(tmp_path / "scan.h5", xml(8, 6), readouts_of(kspaces)))
    assert isinstance(scan, MrdScan)
    header = scan.header
    assert (header.slices, header.coils, header.rows, header.columns) == (3, 2, 8, 6)
    assert header.voxel_size == pytest.approx((5, 2, 3))
    for index in range(3):
        np.testing.assert_array_equal(scan.kspace(index), kspaces[index])
        np.testing.assert_allclose(scan.target(index), root_sum_of_squares(kspaces[index]))
    assert scan.acquired is None
    assert scan.maximum == pytest.approx(max(scan.target(i).max() for i in range(3)))
    assert pickle.loads(pickle.dumps(scan)).kspace(1).shape == (2, 8, 6)


def test_a_file_of_the_formats_own_library():
    """Written by data/make_mrd.py with the package ismrmrd 1.15.0."""
    scan = read_mrd(FIXTURE)
    coil, x, y = np.meshgrid([1, 2], np.arange(8), np.arange(6), indexing="ij")
    for index in range(2):
        # Averages 0 and 2 above; noise, navigator and calibration line left out.
        kspace = coil * (x + 10 * y + 100 * index) + 1j * x + 1
        image = centre_crop(to_image(kspace), 4, 6)
        np.testing.assert_allclose(to_image(scan.kspace(index)), image, rtol=1e-4, atol=1e-4)
    assert scan.header.image_rows == scan.header.rows == 4
    assert scan.header.voxel_size == pytest.approx((5, 2, 1.5))
    text = "ismrmrd_1.15.mrd: measured k-space, 2 slices, 2 coils, 4×6, fully sampled."
    assert describe(FIXTURE).text == text


def test_lines_of_one_place_are_averaged(tmp_path):
    kspaces = random_kspace(2, 2, 8, 6)
    lines = readouts_of(kspaces[:1], average=0) + readouts_of(kspaces[1:], average=1)
    for row in lines:
        row["head"]["idx"]["slice"] = 0
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    np.testing.assert_allclose(scan.kspace(0), kspaces.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", ["contrast", "phase", "repetition", "set"])
def test_only_the_first_image_of_a_series_is_read(tmp_path, name):
    kspaces = random_kspace(2, 1, 8, 6)
    lines = readouts_of(kspaces[:1], **{name: 1}) + readouts_of(kspaces[1:], **{name: 4})
    for row in lines:
        row["head"]["idx"]["slice"] = 0
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    np.testing.assert_array_equal(scan.kspace(0), kspaces[0])


@pytest.mark.parametrize("bit", [19, 20, 23, 24, 26, 27, 28, 29, 30, 31])
def test_readouts_that_make_no_image_are_left_out(tmp_path, bit):
    kspaces = random_kspace(1, 2, 8, 6)
    lines = [readout(np.full((4, 30), 9), 2, flags=flag(bit)), *readouts_of(kspaces)]
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    np.testing.assert_array_equal(scan.kspace(0), kspaces[0])


def test_calibration_lines_of_the_image_belong_to_it(tmp_path):
    kspaces = random_kspace(1, 2, 8, 6)
    lines = readouts_of(kspaces, flags=flag(20) | flag(21))
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    np.testing.assert_array_equal(scan.kspace(0), kspaces[0])


def test_skipped_lines_are_the_mask(tmp_path):
    kspaces = random_kspace(2, 2, 8, 12)
    lines = readouts_of(kspaces, lines=(0, 3, 6, 9))
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 12), lines))
    np.testing.assert_array_equal(np.flatnonzero(scan.acquired), (0, 3, 6, 9))
    np.testing.assert_array_equal(scan.kspace(1), kspaces[1] * scan.acquired)
    assert scan.target(0) is None
    assert scan.maximum is None
    assert "4 of 12 columns acquired" in describe(tmp_path / "s.mrd").text


def test_padding_of_the_scanner_is_no_undersampling_and_keeps_the_centre(tmp_path):
    kspaces = random_kspace(1, 1, 8, 6)
    path = write_mrd(tmp_path / "s.mrd", xml(8, 10, centre=3), readouts_of(kspaces))
    scan = read_mrd(path)
    assert scan.acquired is None
    np.testing.assert_array_equal(scan.kspace(0)[..., 2:8], kspaces[0])
    assert not scan.kspace(0)[..., 8:].any()


def test_oversampling_along_the_readout_is_removed_and_columns_are_cropped(tmp_path):
    images = random_kspace(2, 2, 16, 10)
    header = xml(16, 10, keep=8, keep_columns=6)
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", header, readouts_of(to_kspace(images))))
    assert (scan.header.rows, scan.header.columns) == (8, 10)
    assert (scan.header.image_rows, scan.header.image_columns) == (8, 6)
    expected = centre_crop(images[1], 8, 10)
    np.testing.assert_allclose(to_image(scan.kspace(1)), expected, atol=1e-5)
    rss = np.sqrt((np.abs(centre_crop(images[1], 8, 6)) ** 2).sum(axis=0))
    np.testing.assert_allclose(scan.target(1), rss, atol=1e-5)


def test_partial_echoes_and_discarded_samples_are_put_around_the_centre(tmp_path):
    kspaces = random_kspace(1, 2, 12, 6)
    lines = [
        readout(np.pad(kspaces[0, :, 4:, line], ((0, 0), (2, 1))), line, center_sample=4)
        for line in range(6)
    ]
    for row in lines:
        row["head"]["discard_pre"], row["head"]["discard_post"] = 2, 1
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(12, 6), lines))
    np.testing.assert_array_equal(scan.kspace(0)[:, 4:], kspaces[0][:, 4:])
    assert not scan.kspace(0)[:, :4].any()


def test_lines_read_backwards_are_turned(tmp_path):
    kspaces = random_kspace(1, 2, 8, 6)
    lines = readouts_of(kspaces[..., ::-1, :], flags=flag(22))
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    np.testing.assert_array_equal(scan.kspace(0), kspaces[0])


def test_interleaved_slices_lie_beside_their_neighbours(tmp_path):
    kspaces = random_kspace(4, 1, 8, 6)
    heights = (0, 10, 5, 15)
    lines = readouts_of(kspaces)
    for row in lines:
        row["head"]["position"] = (7, 0, heights[row["head"]["idx"]["slice"]])
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), lines))
    for index, number in enumerate((0, 2, 1, 3)):
        np.testing.assert_array_equal(scan.kspace(index), kspaces[number])
    # The centre voxel (4, 3) lies where the slice does; LPS becomes RAS.
    np.testing.assert_allclose(scan.header.affine @ (1, 4, 3, 1), (-7, 0, 5, 1), atol=1e-5)
    assert scan.header.voxel_size == pytest.approx((5, 2, 3))


def test_one_slice_is_read_at_a_time(tmp_path):
    """A damaged slice does not keep the others from being read."""
    kspaces = random_kspace(2, 1, 8, 6)
    kspaces[1, 0, 3, 2] = np.nan
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), readouts_of(kspaces)))
    assert np.isfinite(scan.kspace(0)).all()
    with pytest.raises(ReadError, match="the readouts of slice 1 hold NaN or infinity"):
        scan.kspace(1)
    with pytest.raises(ReadError, match="there is no slice 2; 0 to 1 exist"):
        scan.kspace(2)


def test_other_groups_and_compressed_datasets_are_read(tmp_path):
    kspaces = random_kspace(1, 2, 8, 6)
    options = {"group": "scan_2", "compression": "gzip", "chunks": (4,)}
    path = write_mrd(tmp_path / "s.h5", xml(8, 6), readouts_of(kspaces), **options)
    np.testing.assert_array_equal(read_mrd(path).kspace(0), kspaces[0])
    assert find_scans(tmp_path) == [path]


LINES = readouts_of(random_kspace(1, 2, 8, 6))
NOISE = [readout(np.zeros((2, 8)), flags=flag(19))]
BAD = {
    "none of the 1 readouts belongs to an image": (xml(8, 6), NOISE),
    "the trajectory is 'spiral'": (xml(8, 6, trajectory="spiral"), LINES),
    "a 3D acquisition": (xml(8, 6), [readout(np.ones((2, 8)), kspace_encode_step_2=1)]),
    "readouts of 2, 3 coils": (xml(8, 6), [*LINES, readout(np.ones((3, 8)))]),
    "is line 9 with the centre at 3": (xml(8, 6), [readout(np.ones((2, 8)), 9)]),
    "does not fit the 20 of encodedSpace": (xml(20, 6), LINES),
    "more than 2 GiB per slice": (xml(60000, 60000), LINES),
    "hold different lines": (xml(8, 6), [*LINES, readout(np.ones((2, 8)), 1, 1)]),
    "the readouts are compressed": (xml(8, 6), readouts_of(random_kspace(1, 2, 8, 6), flags=2**52)),
    "has no encoding with encodedSpace": ("<ismrmrdHeader/>", LINES),
    "is not XML": ("<", LINES),
    "encodedSpace matrixSize x in ismrmrd_header is '-4'": (
        xml(8, 6).replace("<x>8</x>", "<x>-4</x>"),
        LINES,
    ),
    "the centre of kspace_encoding_step_1 in the ISMRMRD header is 'x'": (
        xml(8, 6, centre="x"),
        LINES,
    ),
    "holds 16 numbers; its header promises 2 coils of 8": (
        xml(8, 6),
        [readout(np.ones((2, 4)), number_of_samples=8)],
    ),
    "has 0 readouts": (xml(8, 6), []),
}


@pytest.mark.parametrize("sentence", BAD)
def test_an_unusable_file_gets_one_sentence(tmp_path, sentence):
    path = write_mrd(tmp_path / "s.mrd", *BAD[sentence])
    with pytest.raises(ReadError) as caught:
        describe(path)
    text = str(caught.value)
    assert sentence in text
    assert text.startswith(str(path))
    assert text.endswith(".")
    assert "\n" not in text


def test_a_list_of_something_else_gets_one_sentence(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["dataset/xml"], file["dataset/data"] = xml(8, 6), np.zeros(4)
    with pytest.raises(ReadError, match="no list of MRD acquisitions"):
        describe(tmp_path / "s.h5")


def test_readouts_in_another_file_are_refused(tmp_path):
    secret = write_mrd(tmp_path / "secret.h5", xml(8, 6), LINES)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["dataset/xml"] = xml(8, 6)
        file["dataset/data"] = h5py.ExternalLink(secret.name, "dataset/data")
    with pytest.raises(ReadError, match="no ordinary dataset"):
        describe(tmp_path / "s.h5")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["dataset"] = h5py.ExternalLink(secret.name, "dataset")
    with pytest.raises(ReadError, match="no dataset 'kspace'"):
        describe(tmp_path / "t.h5")


def test_files_are_closed_after_every_slice(tmp_path):
    scan = read_mrd(write_mrd(tmp_path / "s.mrd", xml(8, 6), LINES))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(5):
        scan.kspace(0)
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before
