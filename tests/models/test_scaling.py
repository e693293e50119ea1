import pytest
import torch
from torch.autograd import gradcheck

from napari_unlearn.models.scaling import restore, standardise

SHAPE = (3, 5, 7)


def image(requires_grad=True):
    return torch.randn(SHAPE, dtype=torch.complex128, requires_grad=requires_grad)


def test_each_part_of_each_image_has_mean_0_and_unbiased_deviation_1():
    given = image(requires_grad=False) * 3 + (4 - 2j)
    parts, mean, std = standardise(given)
    expected = torch.stack([given.real, given.imag], 1)
    torch.testing.assert_close(parts.mean((2, 3)), torch.zeros(3, 2, dtype=torch.float64))
    torch.testing.assert_close(parts.std((2, 3)), torch.ones(3, 2, dtype=torch.float64))
    torch.testing.assert_close(mean, expected.mean((2, 3), keepdim=True))
    torch.testing.assert_close(std, expected.std((2, 3), keepdim=True))
    assert parts.is_contiguous(memory_format=torch.channels_last)


def test_restoring_undoes_it():
    given = image(requires_grad=False)
    torch.testing.assert_close(restore(*standardise(given)), given)


def test_an_empty_image_stays_empty():
    parts, mean, std = standardise(torch.zeros(SHAPE, dtype=torch.complex64))
    assert not parts.any()
    assert not mean.any()
    assert (std == 1).all()


@pytest.mark.parametrize("which", range(3))
def test_the_derivative_of_each_result_is_that_of_differences(which):
    assert gradcheck(lambda given: standardise(given)[which], image())


def test_the_derivative_of_restoring_is_that_of_differences():
    parts = torch.randn(3, 2, 5, 7, dtype=torch.float64, requires_grad=True)
    mean, std = (torch.randn(3, 2, 1, 1, dtype=torch.float64, requires_grad=True) for _ in "ms")
    assert gradcheck(restore, (parts, mean, std))


def test_the_derivative_through_both_is_that_of_differences():
    def bent(given):
        parts, mean, std = standardise(given)
        return restore(parts[..., 1:, :-1].tanh(), mean, std)

    assert gradcheck(bent, image())


def test_restoring_keeps_nothing_for_a_scale_that_is_given():
    parts = torch.randn(3, 2, 5, 7, dtype=torch.float64, requires_grad=True)
    mean, std = (torch.randn(3, 2, 1, 1, dtype=torch.float64) for _ in "ms")
    kept: list[torch.Tensor] = []

    def note(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        found = restore(parts, mean, std)
    assert [tensor.shape for tensor in kept] == [std.shape]
    found.real.sum().backward()
    torch.testing.assert_close(parts.grad[:, 0], std[:, :1, 0].expand(3, 5, 7))
