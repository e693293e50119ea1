import time
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import fft2c, ifft2c
from napari_unlearn.mri.null_space import coil_measurement, coil_null, misfit, spectrum
from napari_unlearn.mri.sampling import Mask, Sampling
from napari_unlearn.mri.sense import Sense
from tests.mri.simulated import object_and_coils

FOUR = Sampling("equispaced", 4, 0.08)
SMALL = 1e-6
"""Lambda at which a projection is one to single precision, if nothing is measured by halves."""


def one_coil(rows=40, columns=48, dtype=torch.complex64):
    """A coil of unit sensitivity with a phase, an image, and its null space in closed form."""
    image, maps, _ = object_and_coils(1, rows, columns)
    phase = maps / maps.abs()
    mask = FOUR.mask(columns, 0)
    image = (image + 0.1 * torch.randn(rows, columns, generator=torch.manual_seed(0))).to(dtype)
    unseen = fft2c(phase[0].to(dtype) * image) * ~mask.lines
    return Sense(phase.to(dtype), mask), image, ifft2c(unseen) * phase[0].conj().to(dtype)


def coils(count=4, rows=24, columns=48, dtype=torch.complex64, mask=None):
    image, maps, _ = object_and_coils(count, rows, columns)
    noise = torch.randn(rows, columns, dtype=torch.complex128, generator=torch.manual_seed(1))
    encoding = Sense(maps.to(dtype), mask or FOUR.mask(columns, 0))
    return encoding, (image + 0.1 * noise).to(dtype)


def apart(first, second, scale):
    return float((first - second).norm() / scale.norm())


def test_one_coil_equals_the_closed_form():
    encoding, image, unseen = one_coil()
    split = spectrum(encoding, image)
    assert apart(split.null(SMALL), unseen, image) < 1e-5
    assert apart(split.measured(SMALL), image - unseen, image) < 1e-5


@pytest.mark.parametrize("lam", [1e-3, 0.1, 3.0])
def test_with_one_coil_lambda_leaks_a_known_share_of_what_was_measured(lam):
    encoding, image, unseen = one_coil()
    expected = unseen + lam / (1 + lam) * (image - unseen)
    assert apart(spectrum(encoding, image).null(lam), expected, image) < 1e-5


def test_the_projection_of_one_coil_is_idempotent_and_orthogonal():
    encoding, image, _ = one_coil()
    split = spectrum(encoding, image)
    measured, unseen = split.measured(SMALL), split.null(SMALL)
    assert apart(spectrum(encoding, measured).measured(SMALL), measured, image) < 1e-5
    assert apart(spectrum(encoding, unseen).null(SMALL), unseen, image) < 1e-5
    assert float(spectrum(encoding, unseen).measured(SMALL).norm() / image.norm()) < 1e-5
    product = float((measured.conj() * unseen).sum().abs())
    assert product < 1e-5 * float(image.norm()) ** 2


@given(lam=st.floats(1e-4, 1.0), count=st.integers(2, 6))
@settings(deadline=None, max_examples=15)
def test_with_several_coils_idempotence_fails_by_no_more_than_theory_allows(lam, count):
    encoding, image = coils(count, rows=6, dtype=torch.complex128)
    split = spectrum(encoding, image)
    once = split.measured(lam)
    twice = spectrum(encoding, once).measured(lam)
    # theta / (theta + lam) less its square is at most 1/4, where theta = lam
    assert apart(twice, once, image) <= 0.25 + 1e-9
    product = (once.conj() * split.null(lam)).sum()
    assert abs(float(product.imag)) < 1e-9 * float(image.norm()) ** 2
    assert -1e-9 <= float(product.real) / float(image.norm()) ** 2 <= 0.25 + 1e-9


@pytest.mark.parametrize("lam", [1e-2, 1.0])
def test_the_two_parts_are_the_image(lam):
    encoding, image = coils()
    split = spectrum(encoding, image)
    assert apart(split.measured(lam) + split.null(lam), image, image) < 1e-5


@pytest.mark.parametrize("lam", [1e-3, 1e-2, 0.1])
def test_it_agrees_with_conjugate_gradients(lam):
    encoding, image = coils(dtype=torch.complex128)
    found = encoding.solve(encoding.forward(image), lam, iterations=2000, tolerance=1e-12)
    split = spectrum(encoding, image, dimension=48)
    assert apart(split.measured(lam), found, image) < 1e-7


@pytest.mark.parametrize(("lam", "tolerance"), [(1e-2, 1e-4), (1e-3, 1e-3), (1e-4, 2e-2)])
def test_the_usual_dimension_suffices_in_single_precision(lam, tolerance):
    encoding, image = coils(4, 24, 96)
    double = Sense(encoding.sensitivities.to(torch.complex128), encoding.mask)
    exact = spectrum(double, image.to(torch.complex128), dimension=96).null(lam)
    found = spectrum(encoding, image).null(lam)
    assert apart(found.to(torch.complex128), exact, exact) < tolerance


@given(st.floats(1e-6, 10), st.floats(1e-6, 10))
@settings(deadline=None, max_examples=30)
def test_the_null_share_grows_with_lambda(first, second):
    encoding, image = coils(rows=4)
    split = spectrum(encoding, image, dimension=16)
    low, high = sorted((first, second))
    assert 0 <= split.null_share(low) <= split.null_share(high) <= 1


def test_lambda_decides_how_much_of_the_image_counts_as_unmeasured():
    encoding, image = coils(8, 40, 96)
    split = spectrum(encoding, image)
    shares = [split.null_share(lam) for lam in (1e-5, 1e-3, 1e-1, 10)]
    assert shares[0] < 0.02
    assert shares[3] > 0.8
    assert all(b > 1.3 * a for a, b in pairwise(shares))


@pytest.mark.parametrize("lam", [1e-3, 0.1])
def test_the_null_share_is_the_energy_of_the_null_part(lam):
    encoding, image = coils()
    split = spectrum(encoding, image)
    share = float(split.null(lam).norm() / image.norm()) ** 2
    assert split.null_share(lam) == pytest.approx(share, rel=1e-3)


def test_more_coils_leave_less_open():
    shares = []
    for count in (1, 2, 4, 8):
        encoding, image = coils(count, 40, 96)
        shares.append(spectrum(encoding, image).null_share(1e-3))
    assert shares == sorted(shares, reverse=True)


def test_with_all_lines_nothing_is_left_open():
    full = Mask(torch.ones(48, dtype=torch.bool), 8)
    encoding, image = coils(mask=full)
    share = spectrum(encoding, image).null_share(1e-2)
    assert share == pytest.approx((1e-2 / 1.01) ** 2, rel=1e-3)


def test_what_agrees_with_the_measured_lines_is_no_misfit():
    encoding, image = coils()
    measured = encoding.forward(image)
    assert float(misfit(encoding, image, measured).norm()) < 1e-5 * float(image.norm())


def test_the_measurement_map_gives_back_what_was_added_where_it_was_measured():
    encoding, image = coils(8, 40, 96)
    added = torch.zeros_like(image)
    added[20, 50] = 1.0
    against = misfit(encoding, image + added, encoding.forward(image))
    found = spectrum(encoding, against).solved(1e-3)
    expected = spectrum(encoding, added).measured(1e-3)
    assert apart(found, expected, added) < 1e-2
    assert int(found.abs().argmax()) == 20 * 96 + 50


def test_the_two_maps_by_coils_share_the_energy_of_the_departure():
    encoding, image = coils()
    full = fft2c(encoding.sensitivities * image)
    noise = torch.randn(full.shape, dtype=full.dtype, generator=torch.manual_seed(2))
    unseen = coil_null(full + noise, full, encoding.mask)
    seen = coil_measurement(full + noise, full * encoding.mask.lines, encoding.mask)
    energy = float(unseen.square().sum() + seen.square().sum())
    assert energy == pytest.approx(float(noise.abs().square().sum()), rel=1e-4)
    inside = rss(ifft2c(noise * ~encoding.mask.lines))
    torch.testing.assert_close(unseen, inside)


def test_an_empty_image_has_no_null_space_and_no_nan():
    encoding, image = coils()
    split = spectrum(encoding, torch.zeros_like(image))
    assert split.null_share(0.1) == 0
    assert not split.null(0.1).any()


def test_the_scale_of_the_image_does_not_matter():
    encoding, image = coils()
    small = spectrum(encoding, image * 1e-6).null(1e-2)
    assert apart(small * 1e6, spectrum(encoding, image).null(1e-2), image) < 1e-4


@pytest.mark.parametrize("lam", [0.0, -1.0, float("nan"), float("inf")])
def test_a_lambda_that_is_no_number_above_0_is_refused(lam):
    encoding, image = coils(rows=2)
    split = spectrum(encoding, image, dimension=4)
    for ask in (split.null, split.measured, split.solved, split.null_share):
        with pytest.raises(UnlearnError, match="above 0"):
            ask(lam)


def test_shapes_that_do_not_fit_are_refused():
    encoding, image = coils()
    with pytest.raises(UnlearnError, match="cannot be split"):
        spectrum(encoding, image[:, :-1])
    with pytest.raises(UnlearnError, match="cannot be set against"):
        coil_null(torch.zeros(2, 4, 48), torch.zeros(2, 4, 47), encoding.mask)


@pytest.mark.long
def test_a_slice_of_320_by_320_with_8_coils_is_split_in_3_s_and_redrawn_in_100_ms():
    encoding, image = coils(8, 320, 320)
    start = time.process_time()
    split = spectrum(encoding, image)
    # processor time of all threads: two cores for three seconds
    assert time.process_time() - start < 6
    times = []
    for lam in (1e-4, 1e-3, 1e-2):
        start = time.process_time()
        split.null(lam)
        times.append(time.process_time() - start)
    assert min(times) < 0.1
