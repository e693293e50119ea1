"""Med3D is MedicalNet's network: its keys, its sizes, its strides and dilations."""

import copy

import pytest
import torch
from torch import nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint
from napari_unlearn.models.med3d import Med3D
from napari_unlearn.models.registry import build

SMALL = {"depth": 10, "in_channels": 2, "classes": 3, "width": 2, "widest": 8, "stem_stride": 2}
ENCODER_KEYS = {10: 72, 18: 102, 34: 198, 50: 318}


def small(**changes):
    torch.manual_seed(0)
    return build("med3d", {**SMALL, **changes})


@pytest.fixture
def image():
    return torch.randn(1, 2, 16, 18, 20, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", ENCODER_KEYS)
def test_keys_are_those_of_medicalnet(depth):
    with torch.device("meta"):
        keys = set(
            build(
                "med3d", {"depth": depth, "shortcut": "A" if depth in (18, 34) else "B"}
            ).state_dict()
        )
    decoder = {key for key in keys if key.startswith("conv_seg.")}
    assert len(keys - decoder) == ENCODER_KEYS[depth]
    blocks = {10: 1, 18: 2, 34: 3, 50: 3}[depth]
    assert {"conv1.weight", "bn1.running_var", f"layer4.{blocks - 1}.conv2.weight"} <= keys
    assert ("layer2.0.downsample.1.weight" in keys) == (depth in (10, 50))
    assert ("layer1.0.conv3.weight" in keys) == (depth == 50)
    assert {key for key in decoder if key.endswith(("weight", "bias"))} == {
        *(f"conv_seg.{place}.weight" for place in (0, 1, 3, 4, 6)),
        *(f"conv_seg.{place}.bias" for place in (0, 1, 4)),
    }


def test_the_full_size_resnet_50_counts_its_parameters():
    with torch.device("meta"):
        model = Med3D(depth=50, in_channels=1, classes=10)
    count = sum(parameter.numel() for parameter in model.parameters())
    # 46,155,072 in the encoder; a 2048 x 32 x 2^3 kernel and little else in the decoder.
    assert count == 46_155_072 + 552_416
    assert model.conv_seg[0].weight.shape == (2048, 32, 2, 2, 2)


def test_layers_3_and_4_are_dilated_instead_of_strided():
    convolutions = {
        name: part
        for name, part in small(depth=50).named_modules()
        if isinstance(part, nn.Conv3d) and part.kernel_size == (3, 3, 3) and "layer" in name
    }
    for place, dilation in ((1, 1), (2, 1), (3, 2), (4, 4)):
        own = [part for name, part in convolutions.items() if name.startswith(f"layer{place}")]
        assert {part.dilation[0] for part in own} == {dilation}
        assert [part.stride[0] for part in own] == [2 if place == 2 else 1] + [1] * (len(own) - 1)


@pytest.mark.parametrize(("stem_stride", "output_stride"), [(1, 2), (2, 4), (4, 8)])
@pytest.mark.parametrize("depth", [10, 50])
def test_the_encoders_output_stride_is_twice_the_stems(depth, stem_stride, output_stride):
    model = small(depth=depth, stem_stride=stem_stride).eval()
    with torch.no_grad():
        features = model(torch.zeros(1, 2, 16, 16, 32), decode=False)
    widest = 8 * (4 if depth == 50 else 1)
    assert features.shape == (1, widest, *(size // output_stride for size in (16, 16, 32)))


def test_logits_lie_on_the_images_grid_even_where_strides_do_not_divide_it(image):
    assert small()(image[..., :13, :15, :17]).shape == (1, 3, 13, 15, 17)


def test_widths_double_up_to_the_widest():
    model = small(width=12, widest=48)
    widths = [getattr(model, f"layer{place}")[0].conv1.out_channels for place in (1, 2, 3, 4)]
    assert widths == [12, 24, 48, 48]


def test_a_shortcut_of_kind_a_strides_and_pads_without_weights():
    model = small(shortcut="A")
    shortcut = model.layer2[0].downsample
    image = torch.arange(2 * 4**3, dtype=torch.float32).view(1, 2, 4, 4, 4)
    out = shortcut(image)
    assert out.shape == (1, 4, 2, 2, 2)
    assert torch.equal(out[:, :2], image[..., ::2, ::2, ::2])
    assert not out[:, 2:].any()
    assert not any("downsample" in key for key in model.state_dict())


def test_checkpointing_changes_neither_gradients_nor_running_statistics(image):
    plain, saving = small(depth=18), small(depth=18, checkpointing=True)
    for model in (plain, saving):
        model(image).square().mean().backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    for (key, one), other in zip(
        plain.state_dict().items(), saving.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), key


def test_checkpointing_keeps_fewer_activations(image):
    def kept(model):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            model(image, decode=False)
        return sum(sizes)

    assert kept(small(depth=34, checkpointing=True)) < 0.5 * kept(small(depth=34))


def test_a_checkpoint_brings_running_statistics_and_counters_back(image, tmp_path):
    model = small()
    model(image)
    card = Card(architecture="med3d", parameters=SMALL)
    save_checkpoint(tmp_path / "head.safetensors", model, card)
    loaded, _ = load_checkpoint(tmp_path / "head.safetensors")
    own = model.state_dict()
    assert int(loaded.state_dict()["bn1.num_batches_tracked"]) == 1
    for key, value in loaded.state_dict().items():
        assert value.dtype == own[key].dtype
        assert torch.equal(value, own[key])


def test_a_counter_that_is_no_whole_number_is_refused(tmp_path):
    model, path = small(), tmp_path / "head.safetensors"
    broken = copy.deepcopy(model)
    broken.bn1.num_batches_tracked = torch.tensor(0.5)
    save_checkpoint(path, broken, Card(architecture="med3d", parameters=SMALL))
    with pytest.raises(UnlearnError, match=r"bn1\.num_batches_tracked.*integer"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 11}, "10, 18, 34, 50"),
        ({"stem_stride": 3}, "1, 2, 4"),
        ({"shortcut": "C"}, "A, B"),
        ({"classes": 1}, "between 2 and 256"),
        ({"in_channels": True}, "whole number"),
        ({"width": 10**9}, "512"),
    ],
)
def test_sizes_that_cannot_be_are_one_sentence(changes, said):
    with pytest.raises(UnlearnError, match=said):
        small(**changes)
