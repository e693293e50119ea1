import pytest
import torch
from torch.autograd import gradcheck

from napari_unlearn.models.consistency import combine, correct

SHAPE = (2, 3, 6, 5)


def stack(*shape, requires_grad=True):
    return torch.randn(shape, dtype=torch.complex128, requires_grad=requires_grad)


def test_the_derivative_of_joined_coils_is_that_of_differences():
    def joined(kspace, maps):
        return combine(kspace, maps, maps.detach().conj().resolve_conj())

    assert gradcheck(joined, (stack(*SHAPE), stack(*SHAPE)))


@pytest.mark.parametrize("wanted", [(True, True, True, True), (False, True, False, False)])
def test_the_derivative_of_a_correction_is_that_of_differences(wanted):
    lines = torch.rand(2, 1, 1, 5) > 0.5
    measured = stack(*SHAPE, requires_grad=False)

    def corrected(kspace, weight, image, maps):
        conjugate = maps.detach().conj().resolve_conj()
        return correct(kspace, measured, lines, weight, image, maps, conjugate)

    weight = torch.randn(1, dtype=torch.float64)
    inputs = (stack(*SHAPE), weight, stack(2, 6, 5), stack(*SHAPE))
    assert gradcheck(
        corrected, [x.detach().requires_grad_(w) for x, w in zip(inputs, wanted, strict=True)]
    )


def test_a_correction_is_its_formula():
    kspace, measured, maps = (stack(*SHAPE, requires_grad=False) for _ in range(3))
    lines, weight, image = torch.rand(2, 1, 1, 5) > 0.5, torch.tensor([0.7]), stack(2, 6, 5)
    found = correct(kspace, measured, lines, weight.double(), image, maps, maps.conj())
    spread = torch.fft.fft2(maps * image[:, None], norm="ortho")
    torch.testing.assert_close(found, kspace - weight * lines * (kspace - measured) - spread)
