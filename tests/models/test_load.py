"""The front door tells files apart by what is in them."""

import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.load import load_model
from napari_unlearn.models.registry import build

SIZES = {"depth": 10, "in_channels": 1, "classes": 4, "width": 2, "widest": 8}


def published(path, decoder):
    weights = build("med3d", SIZES).state_dict()
    kept = {k: v for k, v in weights.items() if decoder or not k.startswith("conv_seg.")}
    torch.save({"state_dict": {f"module.{key}": value for key, value in kept.items()}}, path)
    return weights


def test_medicalnets_file_comes_in_and_the_card_says_what_was_taken(tmp_path):
    weights = published(tmp_path / "resnet_10.pth", decoder=True)
    model, card = load_model(tmp_path / "resnet_10.pth")
    assert card.architecture == "med3d"
    assert card.title == "resnet_10"
    assert card.remark.startswith(f"resnet_10.pth: {len(weights)} keys taken, none left")
    assert card.metrics == {}
    assert card.volumes is not None
    assert (card.volumes.classes, card.volumes.shape) == (4, (56, 448, 448))
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def test_a_decoder_that_is_not_in_the_file_is_said_to_be_fresh(tmp_path):
    published(tmp_path / "resnet_10_23dataset.pth", decoder=False)
    _, card = load_model(tmp_path / "resnet_10_23dataset.pth")
    assert "12 (conv_seg) freshly drawn" in card.remark
    assert card.metrics == {"fresh_keys": 12}


def test_a_residual_network_of_another_kind_is_one_sentence(tmp_path):
    flat = {"conv1.weight": torch.zeros(8, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(8, 8)}
    torch.save(flat, tmp_path / "resnet.pth")
    with pytest.raises(UnlearnError, match=r"resnet\.pth: not a MedicalNet file") as caught:
        load_model(tmp_path / "resnet.pth")
    assert "\n" not in str(caught.value)


def test_torch_files_of_neither_kind_are_one_sentence(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(UnlearnError, match=r"w\.pth: not a fastMRI VarNet"):
        load_model(tmp_path / "w.pth")
    (tmp_path / "t.txt").write_text("nothing")
    with pytest.raises(UnlearnError, match=r"VarNet .* or MedicalNet"):
        load_model(tmp_path / "t.txt")
