"""What the fuzzer found, one small input each: a sentence now, whatever it was then."""

import gzip
import json
import os
import re

import h5py
import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.models.registry import build
from tests.fuzz.places import PLACES, device, forbidden, forbidden_folder, linked_to_itself, pipe
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.tensors import MED3D, TINY
from tests.fuzz.verdict import complaint
from tests.io.dicom_files import write_series
from tests.io.subject_nifti import save_challenge
from tests.io.test_fastmri import make_scan, random_kspace, write_kspace

IMAGE = np.random.default_rng(0).random((6, 7, 8), dtype=np.float32)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as process:
        yield process


def checkpoint(path, card):
    weights = {k: v.contiguous() for k, v in build("varnet", TINY).state_dict().items()}
    path.write_bytes(save(weights, {"card": json.dumps(card)}))
    return path


ONE_FILE = (
    *("info", "scan", "layer", "picture", "image", "labels", "subject", "model", "adapters"),
    *("experiment", "reading", "results", "subject results"),
    *("certificate", "ledger", "audit"),
)


@pytest.mark.parametrize("door", ONE_FILE)
@pytest.mark.parametrize("change", [pipe, device, linked_to_itself, forbidden, forbidden_folder])
def test_a_place_that_is_no_file(said, tmp_path, door, change):
    """Pipes hung every reader, links without end and folders without permission were tracebacks."""
    import random

    assert change in PLACES
    folder = tmp_path / "there"
    folder.mkdir()
    path = folder / ("file.toml" if door in ("experiment", "reading") else "file.nii")
    path.write_bytes(b"hello")
    change(path, random.Random(0))
    try:
        said(door, path)
    finally:
        folder.chmod(0o755)


def test_a_pipe_beside_a_dicom_file(sandbox, tmp_path):
    """Siblings were opened to see whether they are DICOM."""
    folder = write_series(tmp_path / "d", slices=2, echo_times=(5,))
    os.mkfifo(folder / "pipe")
    for path in (folder, folder / "001.dcm"):
        assert sandbox.read("scan", path).kind == "fine"


def test_a_subject_in_a_folder_without_permission(said, tmp_path):
    save_challenge(tmp_path, "1")
    (tmp_path / "1" / "pre").chmod(0o400)
    try:
        for door, path in (("subjects", tmp_path), ("subject", tmp_path / "1")):
            assert "Permission denied" in said(door, path)
    finally:
        (tmp_path / "1" / "pre").chmod(0o755)


@pytest.mark.parametrize("door", ["model", "adapters"])
def test_a_checkpoint_of_64_gib(said, tmp_path, door):
    """Mapping it failed with a MemoryError."""
    path = checkpoint(tmp_path / "m.safetensors", {"architecture": "varnet", "parameters": TINY})
    os.truncate(path, 2**36)
    said(door, path)


@pytest.mark.parametrize("key", ["cascades", "sens_pools", "channels", "pools"])
@pytest.mark.parametrize("number", [10**9, 10**5, 63, 2**40, -1, 0])
def test_a_card_with_a_network_without_end(sandbox, tmp_path, key, number):
    """A billion cascades would have been built one after the other."""
    card = {"architecture": "varnet", "parameters": TINY | {key: number}}
    path = checkpoint(tmp_path / "m.safetensors", card)
    outcome = sandbox.read("model", path)
    assert complaint(outcome, tmp_path, path) == ""
    assert outcome.seconds < 5


def test_words_of_a_library_without_end(said, tmp_path):
    """An unknown type made safetensors list all types that there are."""
    path = checkpoint(tmp_path / "m.safetensors", {"architecture": "varnet", "parameters": TINY})
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"F3X"'))
    assert "damaged checkpoint" in said("model", path)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "\u202eright to left", "x" * 5000])
def test_names_that_play_with_the_terminal(said, tmp_path, name):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset(name, (2, 4, 4), np.float32)
    assert "no dataset 'kspace'" in said("scan", tmp_path / "s.h5")
    torch.save({name: torch.zeros(2)}, tmp_path / "m.pt")
    assert "not a fastMRI VarNet" in said("model", tmp_path / "m.pt")


@pytest.mark.parametrize(("field", "value"), [("pixdim", 0), ("qform_code", 8), ("bitpix", 3)])
def test_headers_that_nibabel_repairs_aloud(sandbox, tmp_path, field, value):
    path = write_nifti(tmp_path / "v.nii", ImageVolume("v", IMAGE))
    header = nib.Nifti1Header.from_fileobj(path.open("rb"), check=False)
    raw = np.array(header.structarr)
    raw[field] = value
    path.write_bytes(raw.tobytes() + path.read_bytes()[348:])
    outcome = sandbox.read("scan", path)
    assert complaint(outcome, tmp_path, path) == ""


def test_numbers_whose_squares_overflow(said, tmp_path):
    """They became a reference of infinities."""
    for value in (3e38, -1e20):
        data = IMAGE.copy()
        data[0, 0, 0] = value
        path = write_nifti(tmp_path / "v.nii", ImageVolume("v", data))
        assert "numbers beyond 1e+15" in said("scan", path)
        kspace = random_kspace(1, 1, 8, 8)
        kspace[0, 0, 1, 1] = value
        assert "numbers beyond 1e+15" in said("scan", write_kspace(tmp_path / "s.h5", kspace))


def test_a_volume_that_unpacks_to_more_than_there_is(said, tmp_path):
    header = nib.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 16))
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    packed = gzip.compress(header.binaryblock + bytes(4) + bytes(2**20), 9) + bytes(2**24)
    (tmp_path / "v.nii.gz").write_bytes(packed)
    said("info", tmp_path / "v.nii.gz")


def test_a_dicom_file_that_unpacks_without_end(said, tmp_path):
    from random import Random

    from tests.fuzz import dicom

    for number in range(4):
        write_series(tmp_path / "d", slices=1, echo_times=(5,), big_endian=False)
        dicom.deflated(tmp_path, Random(number))
        assert "a deflated DICOM file" in said("scan", tmp_path / "d" / "001.dcm")


def test_a_dicom_slice_of_four_gigapixels(said, tmp_path):
    tags = {"Rows": 65535, "Columns": 65535}
    folder = write_series(tmp_path / "d", slices=1, echo_times=(5,), tags=tags)
    assert "more than any slice has" in said("scan", folder)


def test_a_switch_that_is_an_array(sandbox, tmp_path):
    write_fastmri(tmp_path / "s.h5", make_scan())
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file.attrs["simulated"] = np.full((4, 4), np.nan)
    assert sandbox.read("scan", tmp_path / "s.h5").kind == "fine"


def test_a_header_of_adapters_that_is_nested_without_end(said, tmp_path):
    header = b'{"a":' * 1000
    path = tmp_path / "adapters.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert "its header is nested too deeply" in said("adapters", path)


def test_many_series_of_which_one_has_a_number_of_hundreds_of_digits(said, tmp_path):
    folder = tmp_path / "d"
    for number in range(20):
        tags = {"SeriesInstanceUID": f"1.2.{number}", "SeriesNumber": number}
        write_series(folder, slices=1, echo_times=(5,), tags=tags, big_endian=False)
        image = folder / "001.dcm"
        if number == 7:  # the tag, its kind and its length, then the digit
            old, new = (b"\x20\x00\x11\x00IS" + each for each in (b"\2\0007 ", b"\6\0001e308 "))
            assert image.read_bytes().count(old) == 1
            image.write_bytes(image.read_bytes().replace(old, new))
        image.rename(folder / f"{number}.dcm")
    sentence = said("scan", folder)
    assert "20 DICOM series, 0 (1 images), 1 (1 images)" in sentence
    assert "and 12 more" in sentence


def test_events_that_are_no_epochs(sandbox, tmp_path):
    """An epoch called "a" could not be sorted among numbers."""
    good = '{"event": "EpochEnd", "epoch": 1, "loss": 1.0, "metrics": {}, "seconds": 1.0}\n'
    path = tmp_path / "events.jsonl"
    path.write_text(good + good.replace("1,", '"a",', 1) + good.replace("{}", '"x"') + "[" * 10**5)
    assert sandbox.read("history", path).kind == "fine"


def test_an_outline_of_a_kind_without_end(said, tmp_path):
    path = tmp_path / "o.geojson"
    path.write_text(json.dumps({"type": "A" * 10**5}))
    assert len(said("outline", path)) < 400
    path.write_text(
        json.dumps({"type": "Polygon", "coordinates": [[[10**400, 1], [1, 2], [3, 4]]]})
    )
    assert "not an outline" in said("outline", path)
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [[[0, 1], [1, 2], [3, [4]]]]}))
    assert "lists of one length are expected" in said("outline", path)


def test_a_picture_that_is_a_program(said, tmp_path):
    """Pillow hands PostScript to another program, whatever the file is called."""
    (tmp_path / "p.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary) (w) file closefile\nshowpage\n"
    )
    assert "cannot be read as a picture" in said("image", tmp_path / "p.png")


def test_a_picture_of_a_gigapixel(said, tmp_path):
    Image.new("1", (40_000, 30_000)).save(tmp_path / "p.png")
    assert re.search(r"more than the 67,108,864 pixels", said("image", tmp_path / "p.png"))


def test_weights_that_are_fewer_than_they_claim(said, tmp_path):
    """A tensor of 2**40 numbers that share one place is a file of a kilobyte."""
    weights = build("med3d", MED3D).state_dict()
    weights["conv1.weight"] = torch.zeros(1, 1, 1, 1, 1).expand(2**20, 2**10, 7, 7, 7)
    torch.save(weights, tmp_path / "m.pth")
    assert "does not hold one by one" in said("model", tmp_path / "m.pth")


@pytest.mark.parametrize("text", ["[{dots}]", "x = 1\n{dots} = 2", "a = [{dots}]"])
def test_a_key_of_a_hundred_thousand_parts(said, tmp_path, text):
    """tomllib needs a time that grows with the square of their number."""
    path = tmp_path / "experiment.toml"
    path.write_text(text.format(dots=".".join("a" * 100_000)))
    assert "not a TOML file" in said("experiment", path)


def test_paths_in_a_list_may_have_dots(sandbox, tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text("retain = [" + ", ".join(f'"data/scan.{n}.h5"' for n in range(300)) + "]")
    assert "key 'name' is missing" in sandbox.read("experiment", path).text


def test_an_architecture_of_a_hundred_thousand_letters(said, tmp_path):
    path = tmp_path / "m.safetensors"
    for card in (
        {"architecture": "A" * 10**5, "parameters": {}},
        {"architecture": "varnet", "parameters": {"A" * 10**5: 1}},
        {"architecture": "varnet", "parameters": {"cascades": "A" * 10**5}},
        {"architecture": "med3d", "parameters": {"shortcut": "A" * 10**5}},
    ):
        assert len(said("model", checkpoint(path, card))) < 400


def test_a_text_that_is_longer_than_its_heap(said, tmp_path):
    path = write_fastmri(tmp_path / "s.h5", make_scan())
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 24 : heap + 32] = (2**62).to_bytes(8, "little")
    path.write_bytes(content)
    assert "an object that does not fit into it" in said("info", path)


def test_a_chunk_that_is_larger_than_the_file(said, tmp_path):
    """HDF5 allocates what the index of chunks says before it looks for it."""
    path = write_fastmri(tmp_path / "s.h5", make_scan())
    with h5py.File(path, "a") as file:
        kspace = file.pop("kspace")[()]
        file.create_dataset("kspace", data=kspace, chunks=(1, *kspace.shape[1:]))
    content = path.read_bytes()
    with h5py.File(path) as file:
        size = file["kspace"].id.get_chunk_info(0).size
    changed = content.replace(size.to_bytes(4, "little") + bytes(4), b"\xff" * 4 + bytes(4))
    assert changed != content
    path.write_bytes(changed)
    said("scan", path)
