"""The same convolution on another way."""

import copy

import pytest
import torch
from torch import nn
from torch.profiler import profile

from napari_unlearn.models.conv3d import Conv3d


def pair(*shape):
    """Ours and PyTorch's with the same weights."""
    torch.manual_seed(0)
    ours, theirs = Conv3d(*shape), nn.Conv3d(*shape)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def operations(network, image):
    with profile() as seen:
        network(image)
    return {event.key for event in seen.key_averages()}


@pytest.mark.parametrize(
    "shape",
    [(3, 5, 3, 1, 1, 1), (3, 5, 3, 2, 1, 1), (3, 5, 3, 1, 2, 2), (3, 5, 3, 1, 4, 4)],
    ids=["plain", "strided", "dilated by 2", "dilated by 4"],
)
@pytest.mark.parametrize("slices", [1, 2, 7, 8])
def test_a_volume_in_halves_is_the_whole(shape, slices):
    ours, theirs = pair(*shape)
    images = [torch.randn(1, 3, slices, 9, 6, requires_grad=True)]
    images.append(images[0].detach().clone().requires_grad_())
    here, there = ours(images[0]), theirs(images[1])
    torch.testing.assert_close(here, there)
    weights = torch.randn_like(here)
    here.backward(weights)
    there.backward(weights)
    torch.testing.assert_close(images[0].grad, images[1].grad)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")
def test_a_single_small_volume_gets_to_onednn_only_so():
    ours, theirs = pair(4, 4, 3, 1, 1)
    image = torch.randn(1, 4, 8, 8, 8)
    assert "aten::mkldnn_convolution" in operations(ours, image)
    assert "aten::mkldnn_convolution" not in operations(theirs, image)


@pytest.mark.parametrize(
    "image", [torch.randn(1, 2, 48, 220, 4), torch.randn(2, 2, 4, 4, 4)], ids=["large", "two"]
)
def test_what_onednn_computes_anyway_stays_as_it_is(image):
    ours, theirs = pair(2, 2, 3, 1, 1)
    assert operations(ours, image) == operations(theirs, image)


@pytest.mark.parametrize("dilation", [2, 4])
def test_a_dilated_convolution_in_two_bytes_is_the_one_in_four(dilation):
    torch.manual_seed(0)
    exact = Conv3d(3, 5, 3, 1, dilation, dilation, bias=False).double()
    image = torch.randn(2, 3, 7, 9, 12, dtype=torch.float64, requires_grad=True)
    half = copy.deepcopy(exact).bfloat16()
    seen = image.detach().bfloat16().requires_grad_()
    there, here = exact(image), half(seen)
    assert here.dtype == torch.bfloat16
    # bfloat16 has 8 bits: products of numbers about 1, 81 of them added up.
    torch.testing.assert_close(here.double(), there, rtol=0.03, atol=0.03)
    there.square().sum().backward()
    here.double().square().sum().backward()
    torch.testing.assert_close(seen.grad.double(), image.grad, rtol=0.05, atol=0.05)
