from copy import deepcopy

import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.registry import build
from napari_unlearn.models.varnet import VarNet, recentre, uncentre
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import ifft2c
from tests.models.reference_varnet import random_weights, reconstruct
from tests.models.scans import scan

SIZES = (2, 4, 2, 6, 3)
"""cascades, sens_channels, sens_pools, channels, pools"""


def network(sizes=SIZES, seed=0, **options):
    model = VarNet(*sizes, **options)
    model.load_state_dict(random_weights(*sizes, seed=seed))
    return model


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        (SIZES, (1, 4, 64, 48)),
        (SIZES, (2, 1, 37, 45)),  # one coil, odd sizes
        ((4, 8, 3, 8, 3), (1, 4, 96, 96)),
        ((3, 4, 4, 9, 4), (2, 3, 80, 50)),
    ],
)
def test_equals_the_plain_reference_in_float32(sizes, shape):
    kspace, mask = scan(*shape)
    weights = random_weights(*sizes, seed=1)
    model = network(sizes, seed=1)
    with torch.no_grad():
        found = model(kspace, mask.lines, mask.low_frequencies)
        counted = model(kspace, mask.lines)
    expected = reconstruct(weights, torch.view_as_real(kspace), mask.lines, mask.low_frequencies)
    assert found.dtype == torch.float32
    assert relative(found, expected) < 1e-5
    # without a count the symmetric centre of the mask itself is used
    even = int(torch.clamp_min(_counted(mask.lines), 1))
    recounted = reconstruct(weights, torch.view_as_real(kspace), mask.lines, even)
    assert relative(counted, recounted) < 1e-5


def _counted(lines):
    centre = len(lines) // 2
    left = right = 0
    while lines[centre - 1 - left]:
        left += 1
    while lines[centre + right]:
        right += 1
    return torch.tensor(2 * min(left, right))


def test_equals_the_plain_reference_to_rounding_in_float64():
    kspace, mask = scan(1, 3, 41, 50)
    weights = {key: value.double() for key, value in random_weights(*SIZES, seed=2).items()}
    model = network(seed=2).double()
    kspace = kspace.to(torch.complex128)
    expected = reconstruct(weights, torch.view_as_real(kspace), mask.lines, 3)
    with torch.no_grad():
        assert relative(model(kspace, mask.lines, 3), expected) < 1e-12


def test_every_scan_of_a_batch_has_its_own_mask():
    kspace, mask = scan(2, 3, 40, 48)
    other = torch.roll(mask.lines, 1)
    masks = torch.stack([mask.lines, other])
    kspace = kspace * masks[:, None, None]
    model = network()
    with torch.no_grad():
        together = model(kspace, masks)
        apart = torch.cat([model(kspace[:1], mask.lines), model(kspace[1:], other)])
    torch.testing.assert_close(together, apart)


def test_kspace_is_centred_and_its_rss_is_the_image():
    kspace, mask = scan(1, 3, 37, 48)
    model = network()
    with torch.no_grad():
        found = rss(ifft2c(model.kspace(kspace, mask.lines)))
        torch.testing.assert_close(found, model(kspace, mask.lines))


@pytest.mark.parametrize("shape", [(6, 8), (7, 5), (8, 5)])
def test_without_shifts_the_plain_transform_gives_the_centred_image(shape):
    kspace = torch.randn(2, *shape, dtype=torch.complex128)
    plain = torch.fft.ifft2(uncentre(kspace), norm="ortho")
    torch.testing.assert_close(plain, ifft2c(kspace))
    torch.testing.assert_close(recentre(uncentre(kspace)), kspace)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_those_of_the_plain_reference(checkpointing):
    kspace, mask = scan(1, 3, 40, 48)
    weights = {key: value.double() for key, value in random_weights(*SIZES, seed=3).items()}
    for value in weights.values():
        value.requires_grad_()
    wide = kspace.to(torch.complex128)
    target = torch.rand(1, 40, 48, dtype=torch.float64)
    loss = 1e5 * (reconstruct(weights, torch.view_as_real(wide), mask.lines, 3) * target).sum()
    loss.backward()
    exact = torch.cat([weights[key].grad.flatten() for key in sorted(weights)])
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-3)):
        model = network(seed=3, checkpointing=checkpointing).to(dtype)
        image = model(
            wide.to(torch.complex64 if dtype == torch.float32 else wide.dtype), mask.lines, 3
        )
        (1e5 * (image * target).sum()).backward()
        found = dict(model.named_parameters())
        got = torch.cat([found[key].grad.flatten() for key in sorted(weights)])
        assert relative(got.double(), exact) < tolerance


def test_an_empty_slice_gives_a_finite_image():
    kspace = torch.zeros(1, 2, 32, 32, dtype=torch.complex64)
    with torch.no_grad():
        assert torch.isfinite(network()(kspace, torch.ones(32, dtype=torch.bool))).all()


def test_defaults_are_the_papers_30_million_parameters():
    with torch.device("meta"):
        model = VarNet()
    assert sum(p.numel() for p in model.parameters()) == 29_936_966


@pytest.mark.parametrize(
    ("architecture", "parameters", "says"),
    [
        ("resnet", {}, "choose one of varnet"),
        ("varnet", {"layers": 3}, "it takes cascades"),
        ("varnet", {"cascades": 0}, "between 1 and 64"),
        ("varnet", {"pools": "four"}, "whole number"),
        ("varnet", {"channels": 10**9}, "between 1 and 1024"),
    ],
)
def test_a_network_that_cannot_be_is_refused_in_one_sentence(architecture, parameters, says):
    with pytest.raises(UnlearnError, match=says):
        build(architecture, parameters)


def lies_channels_last(model):
    kernels = [weight for weight in model.parameters() if weight.ndim == 4]
    return all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@pytest.mark.parametrize("assign", [False, True])
def test_weights_lie_channels_last_whatever_they_were_loaded_from(assign):
    model = VarNet(*SIZES)
    assert lies_channels_last(model)
    model.load_state_dict(random_weights(*SIZES, seed=0), assign=assign)
    assert lies_channels_last(model)
    assert lies_channels_last(deepcopy(model))
