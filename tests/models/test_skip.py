import pytest
import torch
from torch.nn import functional

from napari_unlearn.models.activation import normalise_and_leak
from napari_unlearn.models.conv2d import Conv
from napari_unlearn.models.skip import Skip, can_share


def leaves(*shapes):
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def plain(left, right):
    skip = normalise_and_leak(left)
    below = functional.avg_pool2d(skip, 2)
    above = normalise_and_leak(functional.interpolate(below, scale_factor=2.0) * right)
    return torch.cat([above, skip], dim=1)


def shared(left, right):
    skip, below = Skip.pooled(left)
    return skip.joined(functional.interpolate(below, scale_factor=2.0) * right)


def test_a_shared_skip_gives_what_pooling_and_stacking_give():
    left, right = leaves((2, 3, 8, 12), (2, 3, 8, 12))
    weights = torch.randn(2, 6, 8, 12, dtype=torch.float64)
    expected, found = plain(left, right), shared(left, right)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((y * weights).sum(), (left, right)) for y in (expected, found)]
    torch.testing.assert_close(gradients[1], gradients[0])


def test_backward_keeps_both_ends_in_one_memory():
    left, right = leaves((1, 3, 8, 12), (1, 3, 8, 12))
    kept = set()

    def note(tensor):
        kept.add((tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        skip, _ = Skip.pooled(left)
        joined = skip.joined(right)
    stacked = joined.untyped_storage()
    large = {size for pointer, size in kept if size >= left.nbytes}
    assert (stacked.data_ptr(), stacked.nbytes()) in kept
    assert large == {stacked.nbytes()} == {2 * left.nbytes}


def test_odd_sizes_and_other_precisions_are_left_to_torch():
    assert can_share(torch.empty(2, 1, 4, 6))
    assert not can_share(torch.empty(2, 1, 4, 5))
    assert not can_share(torch.empty(2, 1, 4, 6, dtype=torch.bfloat16))


@pytest.mark.parametrize("rows", [96, 95])
def test_a_narrow_image_is_convolved_as_torch_does_it(rows):
    layer = Conv(2, 8)
    image = torch.randn(1, 2, rows, 90).contiguous(memory_format=torch.channels_last)
    image.requires_grad_()
    found, expected = layer(image), functional.conv2d(image, layer.weight, padding=1)
    assert "OneDnn" in type(found.grad_fn).__name__
    torch.testing.assert_close(found, expected)
    weights, wanted = torch.randn_like(found), (image, layer.weight)
    gradients = [torch.autograd.grad((y * weights).sum(), wanted) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-3)
