"""Adapters on single layers and on both networks, against the formula."""

import copy

import pytest
import torch
from torch import nn

from napari_unlearn.models.lora import (
    acting_weights,
    adapters_of,
    attach_adapters,
    mask_adapters,
    merged_state,
)
from napari_unlearn.models.registry import build

VARNET = {"cascades": 2, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
MED3D = {
    "depth": 10, "in_channels": 1, "classes": 3, "width": 2, "widest": 4, "stem_stride": 2,
}  # fmt: skip
NETWORKS = [pytest.param("varnet", VARNET, id="varnet"), pytest.param("med3d", MED3D, id="med3d")]


def network(architecture, parameters):
    torch.manual_seed(0)
    return build(architecture, parameters).eval()


def answer(model):
    """What a network makes of one fixed input."""
    rng = torch.Generator().manual_seed(1)
    if hasattr(model, "cascades"):
        kspace = torch.randn(1, 2, 16, 16, dtype=torch.complex64, generator=rng)
        return model(kspace, torch.ones(16, dtype=torch.bool), 4)
    return model(torch.randn(1, 1, 8, 16, 16, generator=rng))


def moved(model, size=0.1):
    """Put the adapters somewhere, as training would."""
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for adapter in adapters_of(model).values():
            adapter.B.copy_(size * torch.randn(adapter.B.shape, generator=rng))
    return model


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(7, 5),
        nn.Conv2d(3, 4, 3),
        nn.Conv3d(3, 4, (1, 3, 3), bias=False),
        nn.ConvTranspose2d(6, 4, 2, stride=2),
        nn.ConvTranspose3d(6, 4, 2, stride=2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layers_change_is_alpha_over_rank_times_b_a_on_its_unfolded_kernel(layer):
    before, rows = layer.weight.detach().clone(), len(layer.weight)
    attach_adapters(layer, rank=2, alpha=6.0, seed=0)
    (adapter,) = adapters_of(layer).values()
    assert (adapter.B.shape, adapter.A.shape) == ((rows, 2), (2, before[0].numel()))
    assert torch.equal(layer.weight, before)
    moved(layer)
    change = (layer.weight - before).detach()
    expected = 3.0 * torch.einsum("or,ri->oi", adapter.B, adapter.A).detach()
    torch.testing.assert_close(change.flatten(1), expected, atol=1e-6, rtol=1e-4)
    assert torch.linalg.matrix_rank(change.flatten(1), atol=1e-5) == 2


def test_the_rank_is_never_more_than_the_layer_has():
    layer = nn.Conv2d(1, 2, 1)
    attach_adapters(layer, rank=8, alpha=8.0, seed=0)
    (adapter,) = adapters_of(layer).values()
    assert (adapter.B.shape, adapter.A.shape) == ((2, 1), (1, 1))


def test_a_is_drawn_from_the_seed_within_its_bounds():
    drawn = []
    for seed in (0, 0, 1):
        layer = nn.Linear(100, 50)
        attach_adapters(layer, 4, 4.0, seed)
        drawn.append(adapters_of(layer)["weight"].A.detach())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert 0.09 < float(drawn[0].abs().max()) <= 0.1  # 1 / sqrt(100), of 400 draws


@pytest.mark.parametrize(("architecture", "parameters"), NETWORKS)
def test_a_network_with_adapters_answers_as_before_and_only_they_can_move(architecture, parameters):
    model = network(architecture, parameters)
    with torch.no_grad():
        before = answer(model)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    attach_adapters(model, 2, 4.0, seed=0)
    with torch.no_grad():
        assert torch.equal(answer(model), before)
    free = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert free
    assert all(name.endswith((".A", ".B")) for name in free)
    merged = merged_state(model)
    assert merged.keys() == state.keys()
    assert all(torch.equal(merged[key], value) for key, value in state.items())


@pytest.mark.parametrize(("architecture", "parameters"), NETWORKS)
def test_a_plain_network_with_the_merged_weights_answers_the_same(architecture, parameters):
    model = network(architecture, parameters)
    attach_adapters(model, 2, 4.0, seed=0)
    with torch.no_grad():
        before = answer(model)
        after = answer(moved(model))
        plain = build(architecture, parameters).eval()
        plain.load_state_dict(merged_state(model))
        assert torch.equal(answer(plain), after)
        assert not torch.allclose(after, before)
        assert torch.equal(answer(model), after), "merging leaves the network as it is"


def test_a_copy_has_adapters_of_its_own():
    model = network("med3d", MED3D)
    attach_adapters(model, 2, 4.0, seed=0)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        before = answer(model)
        moved(twin)
        merged_state(twin)
        assert torch.equal(answer(model), before)
        assert not torch.equal(answer(twin), before)


@pytest.mark.parametrize(("architecture", "parameters"), NETWORKS)
def test_what_checkpointing_computes_twice_gives_adapters_the_same_gradient(
    architecture, parameters
):
    gradients = []
    for checkpointing in (False, True):
        model = network(architecture, {**parameters, "checkpointing": checkpointing})
        attach_adapters(model, 2, 4.0, seed=0)
        answer(moved(model)).square().mean().backward()
        gradients.append(
            [weight.grad for a in adapters_of(model).values() for weight in (a.A, a.B)]
        )
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients[0])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_in_mixed_precision_the_weights_are_those_that_are_merged():
    layer = nn.Linear(64, 64)
    attach_adapters(layer, 8, 16.0, seed=0)
    moved(layer, 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        weight = layer.weight
    assert torch.equal(weight, merged_state(layer)["weight"])  # bfloat16 is off by 0.4 %


def test_a_mask_holds_for_the_change_and_for_its_gradient():
    layer = nn.Conv2d(2, 3, 3)
    before = layer.weight.detach().clone()
    attach_adapters(layer, 2, 2.0, seed=0)
    mask = torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    mask[0] = False
    mask_adapters(layer, {"weight": mask})
    moved(layer)
    assert torch.equal(layer.weight != before, mask)
    layer(torch.ones(1, 2, 3, 3)).sum().backward()
    slope = adapters_of(layer)["weight"].B.grad
    assert not bool(slope[0].any())
    assert bool(slope[1].any())
    mask_adapters(layer, {"weight": torch.ones_like(mask)})
    assert adapters_of(layer)["weight"].mask is None


def test_acting_weights_are_all_parameters_and_reach_the_adapters():
    model = network("med3d", MED3D)
    names = [name for name, _ in model.named_parameters()]
    assert list(acting_weights(model)) == names
    attach_adapters(model, 2, 4.0, seed=0)
    moved(model)
    acting = acting_weights(model)
    assert set(acting) == set(names)
    acting["conv1.weight"].sum().backward()
    assert bool(adapters_of(model)["conv1.weight"].B.grad.any())
