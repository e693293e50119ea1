import math

import numpy as np
import pytest
import torch

from napari_unlearn.mri.noise import LEAST_LAMBDA, natural_lambda, noise_level
from napari_unlearn.mri.sampling import Mask, Sampling
from napari_unlearn.mri.simulate import acquire

MASK = Sampling("equispaced", 4, 0.08).mask(96, 0)


def blob(noise, seed=0, size=96):
    """A smooth object: hardly any signal reaches the corners of k-space."""
    axis = np.linspace(-1, 1, size)
    image = np.exp(-(axis[:, None] ** 2 + axis**2) / 0.1)
    scan = acquire(image[None], coils=4, noise=noise, seed=seed, phase=0.0)
    return torch.from_numpy(scan.kspace(0))


@pytest.mark.parametrize("noise", [0.005, 0.02, 0.1])
def test_the_noise_that_was_added_is_found(noise):
    assert noise_level(blob(noise), MASK) == pytest.approx(noise, rel=0.1)


def test_lines_that_were_filled_with_zeros_do_not_count():
    kspace = blob(0.02)
    kspace[:, :8] = kspace[:, -6:] = 0
    assert noise_level(kspace, MASK) == pytest.approx(0.02, rel=0.1)


def test_lines_that_were_not_measured_do_not_count():
    kspace = torch.where(MASK.lines, blob(0.02), 1e3)
    assert noise_level(kspace, MASK) == pytest.approx(0.02, rel=0.1)


def test_lambda_is_the_squared_ratio_of_noise_to_signal():
    few, much = (natural_lambda(blob(noise), MASK) for noise in (0.01, 0.04))
    assert much / few == pytest.approx(16, rel=0.25)
    assert 1e-4 < few < 1e-2


def test_lambda_does_not_depend_on_the_receivers_gain():
    kspace = blob(0.02)
    assert natural_lambda(1e-5 * kspace, MASK) == pytest.approx(
        natural_lambda(kspace, MASK), rel=1e-4
    )


@pytest.mark.parametrize("kspace", [torch.zeros(2, 8, 96, dtype=torch.complex64), blob(0.0)])
def test_without_noise_lambda_is_what_single_precision_can_bear(kspace):
    found = natural_lambda(kspace, MASK)
    assert LEAST_LAMBDA <= found < 2 * LEAST_LAMBDA
    assert math.isfinite(found)


def test_a_scan_of_nothing_but_noise_counts_as_unmeasured():
    noise = torch.randn(4, 96, 96, dtype=torch.complex64, generator=torch.manual_seed(0))
    full = Mask(torch.ones(96, dtype=torch.bool), 8)
    assert 0.1 < natural_lambda(noise, full) <= 1
