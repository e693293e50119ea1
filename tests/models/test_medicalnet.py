"""MedicalNet's files: what is taken, what is left, what is fresh, and nothing executed."""

import pathlib

import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.medicalnet import convert_medicalnet
from napari_unlearn.models.registry import build

SIZES = {"depth": 18, "in_channels": 1, "classes": 4, "width": 2, "widest": 8, "shortcut": "A"}


@pytest.fixture
def weights():
    torch.manual_seed(3)
    weights = build("med3d", SIZES).state_dict()
    return {
        key: torch.rand(value.shape) if value.is_floating_point() else value + 7
        for key, value in weights.items()
    }


def published(path, weights, decoder=True):
    """As MedicalNet saves it: under "state_dict", of a network wrapped for several GPUs."""
    kept = {k: v for k, v in weights.items() if decoder or not k.startswith("conv_seg.")}
    torch.save({"state_dict": {f"module.{key}": value for key, value in kept.items()}}, path)
    return path


def test_a_whole_file_is_taken_whole(weights, tmp_path):
    model, card, adoption = convert_medicalnet(published(tmp_path / "resnet_18.pth", weights))
    assert card.architecture == "med3d"
    assert {name: card.parameters[name] for name in SIZES} == SIZES
    assert set(adoption.taken) == set(weights)
    assert adoption.left == adoption.fresh == ()
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert adoption.summary == (
        f"resnet_18.pth: {len(weights)} keys taken, none left in the file, none freshly drawn."
    )
    assert card.remark == adoption.summary


def test_without_a_decoder_only_the_decoder_is_fresh(weights, tmp_path):
    path = published(tmp_path / "resnet_18_23dataset.pth", weights, decoder=False)
    model, card, adoption = convert_medicalnet(path, classes=9)
    assert adoption.left == ()
    fresh = {key for key in weights if key.startswith("conv_seg.") and "num_batches" not in key}
    assert set(adoption.fresh) == fresh
    assert f"{len(fresh)} (conv_seg) freshly drawn" in adoption.summary
    assert card.parameters["classes"] == model.conv_seg[6].out_channels == 9
    again, *_ = convert_medicalnet(path, classes=9)
    other, *_ = convert_medicalnet(path, classes=9, seed=1)
    drawn = [m.state_dict()["conv_seg.0.weight"] for m in (model, again, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_other_classes_leave_the_last_convolution_in_the_file(weights, tmp_path):
    _, _, adoption = convert_medicalnet(published(tmp_path / "w.pth", weights), classes=9)
    assert adoption.left == adoption.fresh == ("conv_seg.6.weight",)


def test_several_contrasts_share_the_first_convolution(weights, tmp_path):
    path = published(tmp_path / "w.pth", weights)
    (one, *_), (three, _, adoption) = convert_medicalnet(path), convert_medicalnet(path, 3)
    assert "('conv1.weight' adapted from 1 input channel to 3)" in adoption.summary
    image = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        same = three.eval()(image.expand(1, 3, 16, 16, 16))
        torch.testing.assert_close(same, one.eval()(image), rtol=1e-4, atol=1e-4)
    path = published(tmp_path / "three.pth", three.state_dict())
    back, *_ = convert_medicalnet(path, 1)
    torch.testing.assert_close(back.conv1.weight, one.conv1.weight)


def test_what_is_no_part_of_the_network_is_left(weights, tmp_path):
    path = published(tmp_path / "w.pth", {**weights, "fc.weight": torch.ones(2, 2)})
    assert convert_medicalnet(path)[2].left == ("fc.weight",)


def test_a_file_older_than_the_counters_is_taken_without_them(weights, tmp_path):
    old = {key: value for key, value in weights.items() if "num_batches" not in key}
    _, _, adoption = convert_medicalnet(published(tmp_path / "w.pth", old))
    assert set(adoption.taken) == set(old)
    assert adoption.fresh == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("layer1.0.conv1.weight"), "layer1.0.conv1.weight"),
        (lambda w: w.pop("layer3.0.bn1.weight"), "layer3.0.bn1.weight"),
        (lambda w: w.update({"conv1.weight": torch.ones(2, 1, 7, 7)}), "3D weights 'conv1.weight'"),
        (lambda w: w.update({"layer1.2.conv1.weight": torch.ones(1)}), "3, 2, 2, 2 blocks"),
    ],
)
def test_what_is_no_medicalnet_file_is_one_sentence(weights, tmp_path, change, said):
    change(weights)
    with pytest.raises(UnlearnError, match=said) as caught:
        convert_medicalnet(published(tmp_path / "w.pth", weights))
    assert str(caught.value).startswith("w.pth: ")
    assert "\n" not in str(caught.value)


def test_code_in_a_file_is_not_executed(tmp_path):
    mark, path = tmp_path / "executed", tmp_path / "evil.pth"

    class Bomb:
        def __reduce__(self):
            return pathlib.Path.touch, (mark,)

    torch.save({"state_dict": Bomb()}, path)
    with pytest.raises(UnlearnError, match="objects other than weights"):
        convert_medicalnet(path)
    assert not mark.exists()
