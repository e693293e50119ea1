"""Every unusable file ends in one sentence, and runs nothing."""

import os
import pickle
import zipfile

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.fastmri import read_fastmri, write_fastmri
from napari_unlearn.io.info import describe
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.open import open_scan
from tests.io.dicom_files import write_series
from tests.io.test_fastmri import make_scan, random_kspace, write_kspace
from tests.io.test_open import small_volume


def sentence(path):
    """The one sentence of `describe`, checked to be one."""
    with pytest.raises(ReadError) as caught:
        describe(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert str(path) in text
    assert len(text) < 500
    return text


def declare(path, shape, dtype=np.complex64, name="kspace", **options):
    with h5py.File(path, "w") as file:
        file.create_dataset(name, shape, dtype, **options)
    return path


def test_truncated_hdf5(tmp_path):
    path = write_fastmri(tmp_path / "s.h5", make_scan())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "truncated or damaged" in sentence(path)


def test_hdf5_without_kspace_names_what_is_there(tmp_path):
    path = declare(tmp_path / "s.h5", (2, 4, 4), np.float32, name="image")
    assert "no dataset 'kspace' (found: 'image')" in sentence(path)


def test_names_with_accents_are_shown_as_they_are(tmp_path):
    path = declare(tmp_path / "Köpfe 100%.h5", (2, 4, 4), np.float32, name="image")
    assert sentence(path).startswith(f"{path}: no dataset")


def test_a_heap_that_hdf5_would_never_leave(tmp_path):
    """The library loops for ever over a free-space object of length zero."""
    path = write_fastmri(tmp_path / "s.h5", make_scan())
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(content)
    assert "a heap of text has an object without length" in sentence(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, np.nan)])
def test_kspace_that_is_not_finite_names_the_slice(tmp_path, value):
    kspace = random_kspace(3, 2, 8, 8)
    kspace[2, 1, 3, 3] = value
    path = write_kspace(tmp_path / "s.h5", kspace)
    assert "'kspace' holds NaN or infinity in slice 2" in sentence(path)
    assert read_fastmri(path).kspace(1).shape == (2, 8, 8)


def test_reference_that_is_not_finite(tmp_path):
    path = write_kspace(
        tmp_path / "s.h5",
        random_kspace(2, 2, 8, 8),
        reconstruction_rss=np.full((2, 8, 8), np.nan, np.float32),
    )
    assert "'reconstruction_rss' holds NaN" in sentence(path)


def test_kspace_that_is_zero(tmp_path):
    path = write_kspace(tmp_path / "s.h5", np.zeros((2, 2, 8, 8), np.complex64) + 0)
    assert "zero in every slice" in sentence(path)


def test_text_renamed_h5(tmp_path):
    path = tmp_path / "s.h5"
    path.write_text("hello")
    assert "not HDF5 although its name says so" in sentence(path)


def test_empty_folder_empty_file_missing_file(tmp_path):
    assert "the folder is empty" in sentence(tmp_path)
    path = tmp_path / "s.h5"
    assert "no such file" in sentence(path)
    path.touch()
    assert "the file is empty" in sentence(path)


def test_folder_without_scans(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert "no scan found" in sentence(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = write_fastmri(tmp_path / "s.h5", make_scan())
    path.chmod(0)
    assert "no permission" in sentence(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        ((0, 2, 8, 8), np.complex64, "is empty"),
        ((2, 2, 8, 0), np.complex64, "is empty"),
        ((2, 2, 8, 8), np.float32, "complex"),
        ((2, 2, 8, 8), "S4", "complex"),
        ((8, 8), np.complex64, "(slices, coils, rows, columns)"),
        ((1, 2, 2, 8, 8), np.complex64, "(slices, coils, rows, columns)"),
    ],
)
def test_wrong_shape_or_type(tmp_path, shape, dtype, reason):
    assert reason in sentence(declare(tmp_path / "s.h5", shape, dtype))


@pytest.mark.parametrize(
    ("shape", "chunks", "reason"),
    [
        ((10, 8, 60_000, 60_000), (1, 1, 64, 64), "GiB per slice"),
        ((10_000_000, 1, 64, 64), (1, 1, 64, 64), "slices"),
        ((1000, 8, 640, 368), (1, 8, 640, 368), "the file holds 0 of them"),
        ((1000, 8, 640, 368), (1000, 8, 640, 368), "GiB per slice"),
    ],
)
def test_absurdly_large_declarations(tmp_path, shape, chunks, reason):
    if np.prod(chunks) * 8 >= 2**32 and h5py.version.hdf5_version_tuple < (2,):
        pytest.skip("this HDF5 cannot write such a file")
    path = declare(tmp_path / "s.h5", shape, chunks=chunks)
    assert path.stat().st_size < 100_000
    assert reason in sentence(path)


def test_numbers_in_another_file_are_refused(tmp_path):
    other = write_kspace(tmp_path / "other.h5", random_kspace(1, 1, 8, 8))
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        file["kspace"] = h5py.ExternalLink(other, "kspace")
    assert "no ordinary dataset" in sentence(path)
    with h5py.File(path, "w") as file:
        outside = [(str(other), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("kspace", (1, 1, 8, 8), np.complex64, external=outside)
    assert "no ordinary dataset" in sentence(path)


def test_mask_and_reference_that_do_not_fit(tmp_path):
    kspace = random_kspace(2, 2, 8, 8)
    path = write_kspace(tmp_path / "m.h5", kspace, mask=np.ones(7))
    assert "'mask' has shape (7,); (8,) is expected" in sentence(path)
    path = write_kspace(tmp_path / "t.h5", kspace, reconstruction_rss=np.ones((3, 8, 8)))
    assert "(2, rows, columns) are expected" in sentence(path)


def test_labels_that_do_not_fit(tmp_path):
    path = write_kspace(tmp_path / "s.h5", random_kspace(1, 1, 8, 8), labels=np.ones((2, 8, 8)))
    with pytest.raises(ReadError, match=r"integers of shape \(1, 8, 8\)"):
        _ = read_fastmri(path).labels


def test_attributes_of_strange_types_are_not_read(tmp_path):
    path = write_kspace(tmp_path / "s.h5", random_kspace(1, 1, 8, 8))
    with h5py.File(path, "a") as file:
        file.attrs["max"] = "bright"
        file.attrs["patient_id"] = np.zeros(3, [("a", "f4")])
        file.attrs["acquisition"] = file["kspace"].ref
        file.attrs["voxel_size"] = (1.0, -2.0, np.nan)
        file.attrs["affine"] = np.zeros((70, 70))
    header = read_fastmri(path).header
    assert (header.patient, header.voxel_size, header.affine) == ("", (1, 1, 1), None)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("no xml", "not XML"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "entities"),
        (
            '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding><reconSpace>'
            "<matrixSize><x>-4</x></matrixSize></reconSpace></encoding></ismrmrdHeader>",
            "matrixSize x in ismrmrd_header is '-4'",
        ),
        ("x" * 2**21, "claims 2097152 bytes"),
        (np.bytes_(b"x" * 2**21), "claims 2097152 bytes"),
    ],
)
def test_hostile_headers(tmp_path, xml, reason):
    path = write_kspace(tmp_path / "s.h5", random_kspace(1, 1, 8, 8), ismrmrd_header=xml)
    assert reason in sentence(path)


class Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("form", ["zip", "legacy", "plain"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, protocol, form):
    path, proof = tmp_path / "m.pt", tmp_path / "executed"
    state = {"weights": torch.zeros(2), "bonus": Attack(proof)}
    if form == "plain":
        path.write_bytes(pickle.dumps(Attack(proof), protocol))
    else:
        torch.save(
            state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip"
        )
    text = sentence(path)
    assert "a PyTorch pickle file with code in it" in text
    assert "posix.system" in text
    assert not proof.exists()


@pytest.mark.parametrize("protocol", [0, 1])
def test_code_in_an_ancient_pickle_is_not_run_either(tmp_path, protocol):
    path, proof = tmp_path / "m.pt", tmp_path / "executed"
    path.write_bytes(pickle.dumps(Attack(proof), protocol))
    assert "not a PyTorch file although its name says so" in sentence(path)
    assert not proof.exists()


def test_code_behind_a_disguised_name_is_refused(tmp_path):
    """STACK_GLOBAL takes its name from the stack, where a harmless one can be shown first."""
    content = (
        b"\x80\x04\x8c\x05posix\x8c\x06system"
        b"\x8c\x0bcollections\x8c\x0bOrderedDict00\x93\x8c\x04true\x85R."
    )
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("archive/data.pkl", content)
    assert "decides only while loading what it calls" in sentence(tmp_path / "m.pt")


def test_pickles_and_zips_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "m.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "none that torch.save wrote" in sentence(path)
    path.write_bytes(b"\x80\x02garbage")
    assert "damaged PyTorch pickle" in sentence(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    assert "without PyTorch's data.pkl" in sentence(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**25))
    assert "larger than 16 MiB" in sentence(path)


def test_damaged_safetensors(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"a": np.zeros(1000, np.float32)}, path)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert "claims 4000 bytes of weights, 3900 are there" in sentence(path)
    path.write_bytes(content[:20])
    assert "truncated" in sentence(path)
    path.write_bytes((40).to_bytes(8, "little") + b"{" + bytes(60))
    assert "header is unusable" in sentence(path)


def test_a_checkpoint_is_not_a_scan(tmp_path):
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "m.safetensors")
    with pytest.raises(ReadError, match="holds a checkpoint"):
        open_scan(tmp_path / "m.safetensors")


def seeds(folder):
    """One good file of every kind."""
    write_series(folder / "dicom", slices=1, echo_times=(5,))
    state = {"w": torch.zeros(3)}
    torch.save(state, folder / "new.pt")
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)
    save_file({"a": np.zeros(30, np.float32)}, folder / "m.safetensors", {"card": "{}"})
    return [
        write_fastmri(folder / "scan.h5", make_scan(slices=1, rows=8, columns=8, image=(8, 8))),
        write_nifti(folder / "v.nii", small_volume()),
        write_nifti(folder / "v.nii.gz", small_volume()),
        folder / "dicom" / "001.dcm",
        folder / "new.pt",
        folder / "old.pt",
        folder / "m.safetensors",
    ]


def complaint(path):
    """What is wrong with the file, or None; any other exception fails the test."""
    try:
        describe(path)
    except ReadError as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path):
    rng = np.random.default_rng(int(os.environ.get("NAPARI_UNLEARN_FUZZ_SEED", "0")))
    rounds = int(os.environ.get("NAPARI_UNLEARN_FUZZ_ROUNDS", "40"))
    for seed in seeds(tmp_path):
        good = seed.read_bytes()
        describe(seed)
        for _ in range(rounds):
            content = np.frombuffer(good, np.uint8).copy()
            # Headers lie at the front: half of the damage is done there.
            reach = len(content) if rng.random() < 0.5 else min(len(content), 600)
            for position in rng.integers(0, reach, rng.integers(1, 9)):
                content[position] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
            if rng.random() < 0.2:
                content = content[: rng.integers(1, len(content))]
            seed.write_bytes(content.tobytes())
            assert "\n" not in (complaint(seed) or "")
        seed.write_bytes(good)
