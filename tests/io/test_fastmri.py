import dataclasses
import pickle
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.fastmri import read_fastmri, write_fastmri
from napari_unlearn.mri.arrays import root_sum_of_squares
from napari_unlearn.mri.scan import Header, MemoryScan


def make_scan(slices=3, coils=2, rows=24, columns=20, image=(16, 16), acquired=None):
    rng = np.random.default_rng(0)
    shape = (slices, coils, rows, columns)
    kspaces = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    header = Header(
        name="scan",
        slices=slices,
        coils=coils,
        rows=rows,
        columns=columns,
        image_rows=image[0],
        image_columns=image[1],
        voxel_size=(5.0, 0.75, 0.8),
        affine=np.array([[0, 0, -0.8, 90], [0, 0.75, 0, -40], [5, 0, 0, 3], [0, 0, 0, 1.0]]),
        anatomy="knee",
        patient="patient-7",
        simulated=True,
        source="a phantom",
    )
    targets = rng.random((slices, *image), dtype=np.float32)
    labels = rng.integers(0, 4, (slices, *image)).astype(np.uint8)
    if acquired is not None:
        kspaces = kspaces * acquired
    return MemoryScan(header, kspaces, targets, acquired, labels)


def write_kspace(path, kspace, **datasets):
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace
        for name, values in datasets.items():
            file[name] = values
    return path


def random_kspace(*shape):
    rng = np.random.default_rng(1)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def test_everything_survives_the_round_trip(tmp_path):
    scan = make_scan()
    again = read_fastmri(write_fastmri(tmp_path / "scan.h5", scan))
    assert dataclasses.replace(again.header, source="a phantom") == scan.header
    assert again.header.source == str(tmp_path / "scan.h5")
    np.testing.assert_array_equal(again.header.affine, scan.header.affine)
    for index in range(scan.header.slices):
        np.testing.assert_array_equal(again.kspace(index), scan.kspace(index))
        np.testing.assert_array_equal(again.target(index), scan.target(index))
    np.testing.assert_array_equal(again.labels, scan.labels)
    assert again.maximum == scan.maximum
    assert again.acquired is None


def test_undersampled_scan_keeps_its_columns(tmp_path):
    acquired = np.arange(20) % 4 == 0
    again = read_fastmri(write_fastmri(tmp_path / "scan.h5", make_scan(acquired=acquired)))
    np.testing.assert_array_equal(again.acquired, acquired)


def test_fastmri_can_read_what_is_written(tmp_path):
    """The same accesses as fastMRI's SliceDataset makes (data/mri_data.py)."""
    scan = make_scan()
    with h5py.File(write_fastmri(tmp_path / "scan.h5", scan)) as file:
        root = ElementTree.fromstring(file["ismrmrd_header"][()])
        names = {"i": "http://www.ismrm.org/ISMRMRD"}
        for space, size in (("encodedSpace", (24, 20)), ("reconSpace", (16, 16))):
            found = root.find(f"i:encoding/i:{space}/i:matrixSize", names)
            assert tuple(int(found.find(f"i:{a}", names).text) for a in "xy") == size
        limits = root.find("i:encoding/i:encodingLimits/i:kspace_encoding_step_1", names)
        centre, last = (int(limits.find(f"i:{n}", names).text) for n in ("center", "maximum"))
        assert (centre, last) == (10, 19)
        assert file["kspace"].dtype == np.complex64
        assert file["kspace"].chunks is None  # any coil of any slice can be read alone
        assert file["reconstruction_rss"].dtype == np.float32
        assert file.attrs["max"] == pytest.approx(scan.targets.max())
        assert file.attrs["norm"] == pytest.approx(np.linalg.norm(scan.targets))
        assert file.attrs["patient_id"] == "patient-7"
        assert file.attrs["acquisition"] == "knee"


def test_the_writer_does_not_tell_the_folders_of_the_machine(tmp_path):
    scan = make_scan()
    header = dataclasses.replace(scan.header, source=str(tmp_path / "secret" / "in.h5"))
    write_fastmri(tmp_path / "out.h5", dataclasses.replace(scan, header=header))
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["source"] == "in.h5"


def test_single_coil_prefers_its_own_reference(tmp_path):
    esc, rss = np.full((2, 8, 8), 1.0), np.full((2, 8, 8), 2.0)
    path = write_kspace(
        tmp_path / "single.h5",
        random_kspace(2, 12, 10),
        reconstruction_rss=rss,
        reconstruction_esc=esc,
    )
    scan = read_fastmri(path)
    assert scan.header.coils == 1
    assert scan.kspace(1).shape == (1, 12, 10)
    np.testing.assert_array_equal(scan.target(0), esc[0])


def test_missing_reference_is_computed_in_the_crop_of_the_header(tmp_path):
    scan = make_scan(image=(16, 18))
    path = write_fastmri(tmp_path / "scan.h5", scan)
    with h5py.File(path, "a") as file:
        del file["reconstruction_rss"]
    again = read_fastmri(path)
    whole = root_sum_of_squares(scan.kspaces[1])
    np.testing.assert_allclose(again.target(1), whole[4:20, 1:19], rtol=1e-6)
    assert again.maximum == pytest.approx(
        max(root_sum_of_squares(k)[4:20, 1:19].max() for k in scan.kspaces)
    )


def test_root_sum_of_squares_keeps_the_energy():
    kspace = random_kspace(3, 12, 10)
    image = root_sum_of_squares(kspace)
    assert (image**2).sum() == pytest.approx((np.abs(kspace) ** 2).sum(), rel=1e-5)


def test_padding_is_not_undersampling(tmp_path):
    """Real fastMRI knees: 640x368 of which the outer columns were never measured."""
    kspace = random_kspace(2, 2, 64, 36)
    kspace[..., :3] = 0
    kspace[..., 34:] = 0
    scan = read_fastmri(write_kspace(tmp_path / "padded.h5", kspace))
    assert scan.acquired is None
    assert scan.target(0) is not None


@pytest.mark.parametrize("kept", [slice(None, None, 4), slice(14, 22)])
def test_zero_columns_are_undersampling_and_leave_no_reference(tmp_path, kept):
    columns = np.zeros(36, bool)
    columns[kept] = True
    scan = read_fastmri(write_kspace(tmp_path / "u.h5", random_kspace(2, 2, 64, 36) * columns))
    np.testing.assert_array_equal(scan.acquired, columns)
    assert scan.target(0) is None
    assert scan.maximum is None


def test_the_mask_in_the_file_rules(tmp_path):
    mask = np.arange(36) % 2 == 0
    scan = read_fastmri(write_kspace(tmp_path / "m.h5", random_kspace(2, 2, 8, 36), mask=mask))
    np.testing.assert_array_equal(scan.acquired, mask)
    assert not scan.kspace(0)[..., 1::2].any()


def test_an_empty_middle_slice_says_nothing_about_sampling(tmp_path):
    kspace = random_kspace(3, 2, 8, 12)
    kspace[1] = 0
    assert read_fastmri(write_kspace(tmp_path / "e.h5", kspace)).acquired is None


def test_a_reference_wider_than_k_space_is_cropped(tmp_path):
    """Some fastMRI brains have fewer columns than the 320 of their reference."""
    path = write_kspace(
        tmp_path / "w.h5", random_kspace(2, 2, 20, 10), reconstruction_rss=np.ones((2, 16, 16))
    )
    assert read_fastmri(path).target(0).shape == (16, 10)


def test_a_scan_travels_to_another_process(tmp_path):
    scan = read_fastmri(write_fastmri(tmp_path / "scan.h5", make_scan()))
    again = pickle.loads(pickle.dumps(scan))
    np.testing.assert_array_equal(again.kspace(0), scan.kspace(0))


def test_reading_one_slice_reads_only_that_slice(tmp_path):
    path = tmp_path / "big.h5"
    write_fastmri(path, make_scan(slices=64, coils=4, rows=64, columns=64))

    def bytes_read():
        with open("/proc/self/io") as file:
            return int(file.readline().split()[1])

    read_fastmri(path).kspace(0)
    before = bytes_read()
    scan = read_fastmri(path)
    scan.kspace(40)
    one_slice = 4 * 64 * 64 * 8
    assert one_slice <= bytes_read() - before < one_slice + 64 * 1024
    assert path.stat().st_size > 50 * one_slice


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    scan = make_scan()
    path = write_fastmri(tmp_path / "scan.h5", scan)
    before = path.read_bytes()
    broken = dataclasses.replace(scan, kspaces=scan.kspaces[:1])
    with pytest.raises(IndexError):
        write_fastmri(path, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_writing_makes_the_folder(tmp_path):
    assert write_fastmri(tmp_path / "new" / "scan.h5", make_scan()).is_file()


def test_writing_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "no").touch()
    with pytest.raises(UnlearnError, match="cannot be written"):
        write_fastmri(tmp_path / "no" / "scan.h5", make_scan())


def test_labels_of_another_size_are_refused(tmp_path):
    with pytest.raises(WriteError, match="labels have shape"):
        write_fastmri(tmp_path / "s.h5", make_scan(), labels=np.zeros((1, 2, 3), np.uint8))


def test_a_slice_that_does_not_exist(tmp_path):
    with pytest.raises(ReadError, match="no slice 3; 0 to 2"):
        read_fastmri(write_fastmri(tmp_path / "s.h5", make_scan())).kspace(3)
