import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.info import describe
from napari_unlearn.models.registry import build
from tests.io.subject_nifti import save, save_challenge, save_medicalnet, some_image, some_labels
from tests.io.test_nifti import oblique


def test_a_label_map_says_how_large_its_structures_are(tmp_path):
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[:2, :5] = 6
    labels[4, 4, 4] = 2
    path = save(tmp_path / "segm.nii.gz", labels, oblique("LPS", (1.0, 2.0, 3.0)))
    info = describe(path)
    assert info.kind == "nifti"
    assert info.text == "segm.nii.gz: label map of 2 structures, 8 slices of 7×6, 3×2×1 mm."
    facts = dict(info.facts)
    assert facts["label 6"] == "0.5 ml (ventricles in MRBrainS18)"  # 80 voxels of 6 mm^3
    assert facts["label 2"].startswith("0.0 ml")
    assert "label 0" not in facts


@pytest.mark.parametrize(
    "data",
    [
        some_image(),
        np.arange(9 * 8 * 7).reshape(9, 8, 7).astype(np.int16),
        np.full((4, 5, 6), 3, np.uint8),
        some_labels() * -1.0,
        some_labels() + 0.5,
    ],
)
def test_an_image_is_not_taken_for_labels(tmp_path, data):
    assert "simulated acquisition" in describe(save(tmp_path / "v.nii", data)).text


def test_labels_beyond_mrbrains_have_no_names(tmp_path):
    labels = np.where(some_labels() > 5, 17, 0).astype(np.uint8)
    facts = dict(describe(save(tmp_path / "l.nii.gz", labels)).facts)
    assert facts["label 17"].endswith(" ml")


def test_a_subject_shows_its_contrasts_and_its_structures(tmp_path):
    save_challenge(tmp_path, "070")
    info = describe(tmp_path / "070")
    assert info.text == "070: a subject in T1, T1-IR, FLAIR, labelled, 7×8×9."
    facts = dict(info.facts)
    assert facts["voxel size"] == "3×1.1×1 mm"
    assert facts["FLAIR"].startswith("1")
    assert "cerebellum" in facts["label 7"]
    (tmp_path / "070" / "pre" / "FLAIR.nii.gz").unlink()
    with pytest.raises(ReadError, match="lacks its FLAIR image"):
        describe(tmp_path / "070")


def test_a_folder_of_subjects_says_who_is_there(tmp_path):
    for name in ("070", "1"):
        save_challenge(tmp_path / "challenge", name)
        save_medicalnet(tmp_path / "medicalnet", name)
    (tmp_path / "challenge" / "1" / "segm.nii.gz").unlink()
    info = describe(tmp_path / "challenge")
    assert info.text == "challenge: a folder with 2 subjects in T1, T1-IR, FLAIR, 1 labelled."
    assert dict(info.facts)["subjects"] == "070, 1"
    assert "2 subjects in image, 2 labelled" in describe(tmp_path / "medicalnet").text


def test_a_checkpoint_that_segments_says_what_it_reads_and_labels(tmp_path):
    volumes = {"channels": ["T1", "FLAIR"], "classes": 3, "labels": ["a", "b"], "shape": [8, 9, 9]}
    card = {"architecture": "med3d", "parameters": {"depth": 10}, "volumes": volumes}
    save_file(
        {"a": np.zeros(3, np.float32)}, tmp_path / "m.safetensors", {"card": json.dumps(card)}
    )
    facts = dict(describe(tmp_path / "m.safetensors").facts)
    assert facts["parameters of it"] == "depth 10"
    assert facts["contrasts"] == "T1, FLAIR"
    assert facts["grid"] == "8×9×9"
    assert facts["labels"] == "a, b"


@pytest.mark.parametrize(("decoder", "said"), [(True, "with decoder"), (False, "without decoder")])
@pytest.mark.parametrize("depth", [10, 34, 50])
def test_medicalnets_weights_are_recognised_without_loading(tmp_path, depth, decoder, said):
    weights = build("med3d", {"depth": depth, "width": 1, "widest": 1}).state_dict()
    kept = {f"module.{k}": v for k, v in weights.items() if decoder or "conv_seg" not in k}
    torch.save({"state_dict": kept}, tmp_path / "resnet.pth")
    text = describe(tmp_path / "resnet.pth").text
    assert f"MedicalNet's weights, a Med3D of depth {depth} {said} (looked through" in text
