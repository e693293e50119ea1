import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from napari_unlearn.models import rows
from napari_unlearn.models.activation import is_fused, normalise_and_leak


def plain(image):
    return functional.leaky_relu(functional.instance_norm(image, eps=1e-5), 0.2)


def compare(image, gradient):
    ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    found, expected = normalise_and_leak(ours), plain(theirs)
    torch.testing.assert_close(found, expected)
    found.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(ours.grad, theirs.grad)


SIZE = st.integers(1, 20)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 3), SIZE, SIZE, st.integers(2, 40)),
    st.sampled_from([torch.contiguous_format, torch.channels_last]),
    st.integers(0, 2**31),
)
def test_value_and_gradient_are_those_of_instance_norm_and_leaky_relu(shape, layout, seed):
    torch.manual_seed(seed)
    image = (3 + torch.randn(shape, dtype=torch.float64)).contiguous(memory_format=layout)
    compare(image, torch.randn(shape, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(1, 3, 7, 9), (2, 5, 16, 12), (1, 4, 1, 5)])
def test_parts_of_the_rows_on_several_threads_give_the_same(shape, monkeypatch):
    monkeypatch.setattr(rows, "_WORTH_SHARING", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    image = torch.randn(shape, dtype=torch.float64)
    compare(image, torch.randn(shape, dtype=torch.float64))


def test_gradients_are_those_of_finite_differences():
    image = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalise_and_leak, image)


def test_gradients_of_any_layout_are_understood():
    image = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    stack = torch.randn(2, 7, 4, 6, dtype=torch.float64)
    stack = stack.contiguous(memory_format=torch.channels_last)
    for gradient in (
        stack[:, 4:],
        stack[:, :3],
        stack[:, 1:4],
        torch.ones(1).double().expand(image.shape),
    ):
        compare(image, gradient)


@pytest.mark.parametrize(("mean", "most"), [(1, 5e-7), (100, 1e-5)])
def test_large_float32_image_is_summed_accurately(mean, most):
    image = (mean + torch.randn(1, 18, 320, 320)).contiguous(memory_format=torch.channels_last)
    exact = plain(image.double())
    error = (normalise_and_leak(image) - exact).norm()
    assert error < most * exact.norm()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so_in_its_channel_alone(wrong):
    image = torch.randn(2, 3, 8, 10)
    image[1, 2, 3, 4] = wrong
    image.requires_grad_()
    found = normalise_and_leak(image)
    (found * torch.randn(found.shape)).sum().backward()
    for values in (found, image.grad):
        assert values[1, 2].isnan().all()
        values.data[1, 2] = 0
        assert values.isfinite().all()


def test_a_batch_without_images_is_one():
    image = torch.empty(0, 3, 8, 10, requires_grad=True)
    found = normalise_and_leak(image)
    found.sum().backward()
    assert found.shape == image.grad.shape == image.shape


def test_two_threads_at_once_do_not_disturb_each_other():
    images = [torch.randn(1, 8, 200, 160) for _ in range(8)]
    alone = [normalise_and_leak(image) for image in images]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(normalise_and_leak, images))
    for found, expected in zip(together, alone, strict=True):
        assert torch.equal(found, expected)


def test_half_precision_takes_torchs_own_path():
    image = torch.randn(1, 4, 8, 8).bfloat16()
    torch.testing.assert_close(normalise_and_leak(image), plain(image))


def test_without_numba_torchs_own_functions_do_the_same(monkeypatch):
    image = torch.randn(1, 4, 8, 8)
    ours = normalise_and_leak(image)
    monkeypatch.setitem(sys.modules, "napari_unlearn.models.kernels", None)
    rows.kernels.cache_clear()
    try:
        assert not is_fused(image)
        torch.testing.assert_close(normalise_and_leak(image), ours)
    finally:
        rows.kernels.cache_clear()


def test_loops_are_compiled_where_no_folder_can_keep_them(monkeypatch):
    from numba.core import caching

    from napari_unlearn.models import kernels

    def twice(number):
        return 2 * number

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert kernels._compiled(twice)(3) == 6
