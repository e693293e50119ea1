"""Adapters on disk: what is written is what is read, and nothing else is taken for it."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_unlearn.models.adapter_file import (
    AdapterCard,
    Adapters,
    load_adapters,
    save_adapters,
)
from napari_unlearn.models.card import Card
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.lora import (
    adapters_of,
    attach_adapters,
    mask_adapters,
    merged_state,
)
from napari_unlearn.models.registry import build

TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
NETWORK = Card(architecture="varnet", parameters=TINY, title="Original")
CARD = AdapterCard(
    parent="a" * 64,
    merged="b" * 64,
    strategy="ft",
    rank=2,
    alpha=3.0,
    before=NETWORK,
    after=NETWORK.model_copy(update={"strategy": "ft"}),
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(5, 6))
    attach_adapters(model, CARD.rank, CARD.alpha, seed=0)
    with torch.no_grad():
        adapters_of(model)["0.weight"].B.normal_()
    return model


def test_adapters_come_back_as_they_were_written(model, tmp_path):
    save_adapters(tmp_path / "a.safetensors", Adapters.of(model, CARD))
    found = load_adapters(tmp_path / "a.safetensors")
    assert found.card == CARD
    ((name, (b, a)),) = found.factors.items()
    assert name == "0.weight", "the other one changes nothing"
    assert torch.equal(b, adapters_of(model)[name].B)
    assert torch.equal(a, adapters_of(model)[name].A)


def test_adding_gives_the_merged_weights_and_taking_off_the_parents(model):
    adapters = Adapters.of(model, CARD)
    parent = {
        key.replace("parametrizations.weight.original", "weight"): value
        for key, value in model.state_dict().items()
        if not key.endswith((".A", ".B"))
    }
    merged = adapters.added_to(parent)
    assert merged.keys() == parent.keys()
    assert all(torch.equal(merged[key], value) for key, value in merged_state(model).items())
    again = adapters.added_to(merged, times=-1)
    for key, value in parent.items():
        torch.testing.assert_close(again[key], value, atol=1e-6, rtol=0)  # weights are below 8
    assert not torch.equal(merged["0.weight"], parent["0.weight"])


def test_a_mask_comes_back_and_holds(model, tmp_path):
    weight = torch.zeros(4, 3, 3, 3)
    mask = torch.rand(weight.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    mask_adapters(model, {"0.weight": mask})
    save_adapters(tmp_path / "a.safetensors", Adapters.of(model, CARD))
    found = load_adapters(tmp_path / "a.safetensors")
    assert torch.equal(found.masks["0.weight"], mask)
    change = found.added_to({"0.weight": weight})["0.weight"]
    assert torch.equal(change != 0, mask)
    assert found.layers[0].norm == pytest.approx(float(change.norm()), rel=1e-5)


def test_figures_of_a_change_that_is_known_on_paper():
    factors = {"w": (torch.tensor([[2.0], [0.0]]), torch.tensor([[0.0, 3.0, 4.0]]))}
    (layer,) = Adapters(CARD.model_copy(update={"rank": 1}), factors).layers
    assert (layer.rank, layer.parameters) == (1, 5)
    assert layer.norm == pytest.approx(3.0 * 2 * 5)  # alpha / rank * |B| |A|
    own = sum(weight.numel() for weight in build("varnet", TINY).parameters())
    assert Adapters(CARD, {}).network_parameters == own


def test_a_change_that_fits_no_weight_is_named(model):
    adapters = Adapters.of(model, CARD)
    for weights in ({}, {"0.weight": torch.zeros(4)}, {"0.weight": torch.zeros(4, 3, 3, 2)}):
        with pytest.raises(ModelError, match=r"'0\.weight' fits no weight"):
            adapters.added_to(weights)


def test_another_file_is_one_sentence(model, tmp_path):
    path = tmp_path / "file.safetensors"
    for content in (b"", b"\x10\0\0\0\0\0\0\0garbage", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="no whole file of adapters"):
            load_adapters(path)
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="holds no adapters"):
        load_adapters(path)
    save_file({"w": torch.zeros(1)}, path, {"adapters": "{}"})
    with pytest.raises(ModelError, match="unusable card"):
        load_adapters(path)


WHOLE = {"w.A": (2, 3), "w.B": (4, 2)}


@pytest.mark.parametrize(
    "shapes",
    [
        {"w.A": (2, 3)},
        {"w.A": (2, 3), "w.B": (4, 1)},
        {"w": (2,)},
        {**WHOLE, "w.mask": (2,)},
        {**WHOLE, "w.mask": (2,), "w.shape": (3,)},
    ],
)
def test_half_an_adapter_is_refused(shapes, tmp_path):
    path = tmp_path / "file.safetensors"
    tensors = {key: torch.zeros(shape) for key, shape in shapes.items()}
    save_file(tensors, path, {"adapters": CARD.model_dump_json()})
    with pytest.raises(ModelError, match="not whole"):
        load_adapters(path)


def test_a_torn_file_is_refused(model, tmp_path):
    path = tmp_path / "file.safetensors"
    save_adapters(path, Adapters.of(model, CARD))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelError, match="no whole file"):
        load_adapters(path)
