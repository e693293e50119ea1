import pytest
import torch
from torch.nn import functional


from napari_unlearn.models.activation import normalise_and_leak


def plain(image):
    return functional.leaky_relu(functional.instance_norm(image, eps=1e-5), 0.2)


# little (torch's autograd); folded; several; several folded by 2; odd; two pixels
@pytest.mark.parametrize(
    "shape",
    [
        (1, 4, 30, 20),
        (1, 8, 90, 128),
        (1, 3, 128, 96),
        (3, 5, 7, 9),
        (2, 18, 120, 90),
        (1, 2, 101, 103),
        (1, 2, 1, 2),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradient_are_those_of_instance_norm_and_leaky_relu(shape, layout):
    image = (3 + torch.randn(shape, dtype=torch.float64)).contiguous(memory_format=layout)
    gradient = torch.randn(shape, dtype=torch.float64)
    ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    found, expected = normalise_and_leak(ours), plain(theirs)
    torch.testing.assert_close(found, expected)
    found.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_large_float32_image_is_summed_accurately():
    image = 1 + torch.randn(1, 18, 320, 320)
    exact = plain(image.double())
    error = (normalise_and_leak(image.contiguous(memory_format=torch.channels_last)) - exact).norm()
    assert error < 5e-7 * exact.norm()


def test_half_precision_takes_torchs_own_path():
    image = torch.randn(1, 4, 8, 8).bfloat16()
    torch.testing.assert_close(normalise_and_leak(image), plain(image))
