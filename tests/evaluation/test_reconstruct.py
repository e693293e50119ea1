from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.reconstruct import (
    image_of,
    reconstruct,
    reconstruct_kspace,
    reconstruct_slice,
)
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import ifft2c
from napari_unlearn.mri.sampling import Mask, Sampling
from tests.evaluation.tiny import scan, varnet


class ZeroFilled(nn.Module):
    """The simplest model: root sum of squares of what was measured."""

    def forward(self, kspace, mask, low_frequencies):
        return rss(ifft2c(kspace), dim=1)


class Allocates(nn.Module):
    def forward(self, kspace, mask, low_frequencies):
        return torch.empty(1 << 50)  # a petabyte: the real allocator's own message


class Breaks(nn.Module):
    def forward(self, kspace, mask, low_frequencies):
        return kspace.reshape(3, 7, 11)


def full(columns):
    return Mask.from_lines(np.ones(columns, bool))


def test_with_all_lines_the_zero_filled_image_is_the_reference():
    brain = scan()
    images = reconstruct(brain, ZeroFilled(), full(48))
    np.testing.assert_allclose(images, brain.targets, atol=1e-5 * brain.maximum)


def test_the_model_sees_no_line_outside_the_mask():
    brain = scan(slices=1)
    mask = Sampling(acceleration=4, center_fraction=0.08).mask(48, 0)
    hidden = replace(brain, kspaces=np.where(mask.lines.numpy(), brain.kspaces, 1e6))
    seen = reconstruct(brain, varnet(), mask)
    np.testing.assert_array_equal(reconstruct(hidden, varnet(), mask), seen)


def test_images_are_the_centre_crop_of_the_matrix():
    brain = scan(slices=1)
    header = replace(brain.header, image_rows=30, image_columns=40)
    cropped = reconstruct(replace(brain, header=header), ZeroFilled(), full(48))
    whole = reconstruct(brain, ZeroFilled(), full(48))
    np.testing.assert_array_equal(cropped, whole[:, 9:39, 4:44])


def test_the_coils_k_space_makes_the_same_image():
    brain = scan(slices=1)
    brain = replace(brain, header=replace(brain.header, image_rows=30))
    mask = Sampling(acceleration=4, center_fraction=0.08).mask(48, 0)
    kspace = reconstruct_kspace(brain, 0, varnet(), mask)
    assert (kspace.shape, kspace.dtype) == ((3, 48, 48), np.complex64)
    image = reconstruct_slice(brain, 0, varnet(), mask)
    np.testing.assert_allclose(image_of(kspace, brain.header), image, atol=1e-5 * image.max())


def test_a_model_of_magnitudes_has_no_k_space_and_says_so():
    with pytest.raises(EvaluationError, match=r"^ZeroFilled gives magnitudes only;.*VarNet"):
        reconstruct_kspace(scan(slices=1), 0, ZeroFilled(), full(48))


def test_cancel_stops_k_space_in_the_middle_of_a_slice():
    cancel = CancelToken()
    model = varnet()
    model.sens_net.register_forward_hook(lambda *_: cancel.cancel())
    with pytest.raises(Cancelled):
        reconstruct_kspace(scan(), 0, model, full(48), cancel=cancel)


def test_a_single_coil_works():
    images = reconstruct(scan(slices=1, coils=1), varnet(), Sampling(acceleration=4).mask(48, 0))
    assert images.shape == (1, 48, 48)
    assert np.isfinite(images).all()


def test_cancel_stops_in_the_middle_of_a_slice():
    cancel = CancelToken()
    model = varnet()
    entered = []
    model.sens_net.register_forward_hook(lambda *_: cancel.cancel())
    model.cascades[0].register_forward_hook(lambda *_: entered.append(1))
    with pytest.raises(Cancelled):
        reconstruct_slice(scan(), 0, model, full(48), cancel=cancel)
    assert not entered


def test_the_model_is_left_without_hooks():
    model = varnet()
    reconstruct_slice(scan(), 0, model, full(48))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_out_of_memory_is_one_sentence():
    with pytest.raises(EvaluationError, match=r"^cpu ran out of memory.*brain_0001.*3 coils"):
        reconstruct_slice(scan(), 0, Allocates(), full(48))


def test_another_runtime_error_is_a_bug_and_not_swallowed():
    with pytest.raises(RuntimeError, match="shape"):
        reconstruct_slice(scan(), 0, Breaks(), full(48))


def test_a_mask_of_another_width_is_refused():
    with pytest.raises(EvaluationError, match="50 columns does not fit"):
        reconstruct_slice(scan(), 0, varnet(), full(50))


def test_an_image_larger_than_the_matrix_is_refused():
    brain = scan()
    large = replace(brain, header=replace(brain.header, image_rows=64))
    with pytest.raises(EvaluationError, match="64x48"):
        reconstruct_slice(large, 0, varnet(), full(48))
