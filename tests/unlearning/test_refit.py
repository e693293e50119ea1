"""The layerwise refit against its own definition and on networks whose answer is known."""

import pytest
import torch
from torch import nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.refit import Refit, _matrix, _patches, input_moments

from .toy import bench, line, point, run


def refitted(forget, retain, forgetting, weights=(2.0, 3.0), fresh=(0.0, 0.0)):
    model = line(*weights)
    toy = bench(model, forget, retain, fresh={"weight": torch.tensor([fresh])})
    passes, _ = run(Refit(forgetting=forgetting).apply(toy))
    assert passes == len(forget) + len(retain)
    return model.weight[0].tolist()


def test_what_only_the_forget_set_excites_is_lost_and_the_rest_kept():
    forget, retain = [point([5.0, 0.0], 0.0)], [point([0.0, 5.0], 0.0)]
    lost, kept = refitted(forget, retain, forgetting=10.0, fresh=(0.5, 0.5))
    assert lost == pytest.approx(0.5, abs=1e-4)  # the ridge keeps 1e-5 of it
    assert kept == pytest.approx(3, abs=1e-6)


def test_the_compromise_on_a_shared_direction_is_the_formulas():
    forget, retain = [point([2.0, 0.0], 0.0)], [point([1.0, 0.0], 0.0), point([0.0, 1.0], 0.0)]
    shared, kept = refitted(forget, retain, forgetting=0.5)
    # C_r = 1/2, C_f = 4: W C_r / (C_r + forgetting C_f) = 2 (1/2) / (5/2)
    assert shared == pytest.approx(0.4, rel=1e-3)
    assert kept == pytest.approx(3, abs=1e-6)


def test_without_a_weight_on_forgetting_nothing_changes():
    forget, retain = [point([2.0, 1.0], 0.0)], [point([1.0, 0.0], 0.0)]
    assert refitted(forget, retain, forgetting=0.0) == pytest.approx([2, 3], abs=1e-6)


def test_the_solution_is_the_minimum_of_what_it_claims_to_minimise():
    rng = torch.Generator().manual_seed(0)
    weights, fresh = torch.randn(2, 3, 4, generator=rng, dtype=torch.double)
    retain, forget = torch.randn(2, 4, 50, generator=rng, dtype=torch.double)
    moments = [inputs @ inputs.T / 50 for inputs in (retain, forget)]

    def objective(matrix):
        kept = ((matrix - weights) @ retain).square().sum() / 50
        return kept + 0.3 * ((matrix - fresh) @ forget).square().sum() / 50

    found = Refit(forgetting=0.3).solve(weights, fresh, *moments)
    for _ in range(20):
        nearby = found + 0.05 * torch.randn(3, 4, generator=rng, dtype=torch.double)
        assert objective(found) < objective(nearby)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Conv2d(2, 3, 3, stride=2, dilation=2, bias=False),
        nn.Conv2d(2, 3, 1),
        nn.ConvTranspose2d(2, 3, 2, stride=2),
        nn.ConvTranspose2d(2, 3, 2, stride=2, bias=False),
        nn.Conv3d(2, 3, 3, padding=4, dilation=4, bias=False),
        nn.Conv3d(2, 3, (1, 3, 5), stride=(1, 2, 1), padding=(0, 1, 2)),
        nn.ConvTranspose3d(2, 3, 2, stride=2),
    ],
)
def test_a_layer_is_its_matrix_on_patches(layer):
    axes = layer.weight.ndim - 2
    image = torch.randn(1, 2, *(8, 8, 8)[:axes])
    parts = [part for part in (layer.weight, layer.bias) if part is not None]
    answer = _matrix(layer, *parts) @ _patches(layer, image).double()
    expected = layer(image)[0].double()
    if isinstance(layer, nn.ConvTranspose3d):
        places = answer.reshape(3, 2, 2, 2, 8, 8, 8).permute(0, 4, 1, 5, 2, 6, 3)
        answer = places.reshape(3, 16, 16, 16)
    if isinstance(layer, nn.ConvTranspose2d):  # outputs x 2 x 2 places, per input position
        answer = answer.reshape(3, 2, 2, 8, 8).permute(0, 3, 1, 4, 2).reshape(3, 16, 16)
    torch.testing.assert_close(answer.reshape(expected.shape), expected, atol=1e-5, rtol=1e-5)


def test_moments_are_those_of_the_set_and_leave_no_hooks():
    model = line(1.0, 1.0)
    toy = bench(model, [point([1.0, 2.0], 0.0), point([3.0, 0.0], 0.0)], [])
    _, moments = run(input_moments(toy, "forget"))
    assert moments[""].tolist() == [[5, 1], [1, 2]]
    assert not model._forward_pre_hooks


def test_a_broken_sample_is_one_sentence():
    broken = [point([float("nan"), 0.0], 0.0)]
    with pytest.raises(UnlearnError, match="not finite on one of the forget samples"):
        refitted(broken, [point([1.0, 0.0], 0.0)], forgetting=1.0)
