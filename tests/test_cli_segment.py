"""A volume from a terminal: labels on its own grid, and one sentence for every mistake."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch

from napari_unlearn.models.card import Card, Volumes
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from tests.evaluation.handmade import SIZES, bright
from tests.evaluation.test_segment import BLOB, SHAPE, blob
from tests.io.subject_nifti import save
from tests.io.test_nifti import oblique
from tests.test_cli import run

SPACING = (1.0, 1.5, 2.0)
SMALL = {"cascades": 1, "sens_channels": 1, "sens_pools": 1, "channels": 1, "pools": 1}


@pytest.fixture
def checkpoint(tmp_path):
    """Of a network that labels what is bright in T1, whatever FLAIR shows."""
    card = Card(
        architecture="med3d",
        parameters={**SIZES, "in_channels": 2},
        title="Oracle",
        volumes=Volumes(channels=("T1", "FLAIR"), classes=3, labels=("none", "a", "b"), shape=None),
    )
    save_checkpoint(tmp_path / "oracle.safetensors", bright(2), card)
    return tmp_path / "oracle.safetensors"


@pytest.fixture
def files(tmp_path):
    affine = oblique("PSR", SPACING, tilt=0.4)
    flat = np.random.default_rng(1).uniform(1, 2, SHAPE).astype(np.float32)
    save(tmp_path / "anna" / "T1.nii.gz", blob(), affine)
    save(tmp_path / "anna" / "FLAIR.nii.gz", flat, affine)
    save(tmp_path / "both.nii.gz", np.stack([blob(), flat], axis=-1), affine)
    return tmp_path


def middle(path, chosen):
    """Where the chosen voxels lie on average [mm]."""
    image = nib.load(path)
    data = np.asarray(image.dataobj)
    return nib.affines.apply_affine(image.affine, np.argwhere(chosen(data))).mean(axis=0)


@pytest.mark.parametrize("given", ["folder", "series", "channels"])
def test_labels_lie_where_the_image_is_bright(files, checkpoint, given):
    t1, flair = files / "anna" / "T1.nii.gz", files / "anna" / "FLAIR.nii.gz"
    volume = {
        "folder": (files / "anna",),
        "series": (files / "both.nii.gz",),
        "channels": ("--channel", f"FLAIR={flair}", "--channel", f"T1={t1}"),
    }[given]
    out = files / "out.nii.gz"
    done = run("segment", *volume, "--model", checkpoint, "-o", out, "--json", "--device", "cpu")
    written = nib.load(out)
    np.testing.assert_array_equal(written.affine, nib.load(t1).affine)
    assert written.shape == SHAPE
    assert written.get_data_dtype() == np.uint8
    # The network answers on a grid of half the size: half a voxel off at most.
    apart = middle(out, lambda d: d == 2) - middle(t1, lambda d: d > 2)
    assert np.linalg.norm(apart) <= 0.5 * np.linalg.norm(SPACING)
    (structure,) = json.loads(done.stdout)["structures"]
    labels = np.asarray(written.dataobj)
    assert structure["voxels"] == int((labels == 2).sum())
    assert structure["volume_ml"] == pytest.approx(structure["voxels"] * 3 / 1000, rel=1e-5)
    assert (structure["label"], structure["name"]) == (2, "b")
    assert set(np.unique(labels)) == {0, 2}
    inside = tuple(slice(part.start + 1, part.stop - 1) for part in BLOB)
    assert (labels[inside] == 2).all()


def test_windows_and_two_bytes_label_alike(files, checkpoint):
    written = []
    for options in (
        (),
        ("--window", "16", "8", "8", "--overlap", "0.5", "--precision", "bf16-mixed"),
    ):
        out = files / "out.nii.gz"
        run(
            "segment", files / "anna", "--model", checkpoint, "-o", out, "--device", "cpu", *options
        )
        written.append(np.asarray(nib.load(out).dataobj))
    assert (written[0] == 2).sum() > 100
    assert (written[0] != written[1]).mean() < 0.1


def test_the_table_and_info_tell_the_same_volume(files, checkpoint):
    out = files / "out.nii.gz"
    done = run("segment", files / "anna", "--model", checkpoint, "-o", out)
    assert f"{out} written." in done.stdout
    size = next(line for line in done.stdout.splitlines() if line.startswith(" 2 b"))
    assert size.split()[-2] in run("info", out).stdout


@pytest.mark.parametrize("name", ["anna/T1.nii.gz", "oracle.safetensors"])
def test_what_is_read_is_not_overwritten(files, checkpoint, name):
    before = (files / name).read_bytes()
    link = files / "link.nii.gz"
    link.symlink_to(files / name)
    done = run("segment", files / "anna", "--model", checkpoint, "-o", link, code=2)
    assert "link.nii.gz: is what is read" in done.stderr
    assert (files / name).read_bytes() == before


def test_wrong_use_and_wrong_files_end_in_a_sentence(files, checkpoint):
    t1 = files / "anna" / "T1.nii.gz"
    encoder = {k: v for k, v in build("med3d", SIZES).state_dict().items() if "conv_seg" not in k}
    torch.save({"state_dict": encoder}, files / "resnet_10.pth")
    save_checkpoint(
        files / "varnet.safetensors",
        build("varnet", SMALL),
        Card(architecture="varnet", parameters=SMALL),
    )
    for volume, model, out, code, said in (
        ((t1, "--channel", f"T1={t1}"), checkpoint, "o.nii", 2, "either VOLUME or"),
        ((), checkpoint, "o.nii", 2, "either VOLUME or"),
        (("--channel", "T1"), checkpoint, "o.nii", 2, "NAME=FILE"),
        ((t1,), checkpoint, "o.h5", 2, "accepted: .nii or .nii.gz"),
        ((files / "no.nii",), checkpoint, "o.nii", 1, "no.nii"),
        ((t1,), files / "no.pth", "o.nii", 1, "no.pth"),
        ((t1,), checkpoint, "o.nii", 1, "lacks FLAIR"),
        ((t1,), files / "resnet_10.pth", "o.nii", 1, "12 (conv_seg) freshly drawn"),
        ((t1,), files / "varnet.safetensors", "o.nii", 1, "does not segment"),
    ):
        done = run("segment", *volume, "--model", model, "-o", files / out, code=code)
        assert said in " ".join(done.stderr.split())
        assert not (files / out).exists()


def test_segment_and_benchmark_help_with_an_example():
    for command in (("segment",), ("benchmark", "memory")):
        assert "Example: napari-unlearn" in run(*command, "--help").stdout


TINY = ("--model", "resnet10", "--width", 2, "--shape", 16, 24, 24, "--classes", 3)


def test_memory_is_estimated_without_running():
    about = json.loads(run("benchmark", "memory", *TINY, "--no-run", "--json").stdout)
    assert about["measured"] == {}
    step = about["estimated"]["step"]
    parts = ("weights", "gradients", "moments", "activations")
    assert step["total"] == sum(step[part] for part in parts)


def test_memory_is_measured_in_a_process_of_its_own():
    lines = run("benchmark", "memory", *TINY, "--threads", 1).stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["estimated", "forward", "step"]
    assert lines[1].endswith(" s")
    assert "72 keys taken" in lines[3]
