import numpy as np
import pytest

from napari_unlearn.evaluation import sfrc
from napari_unlearn.phantoms.subject import simulate_subject


@pytest.fixture(scope="module")
def brain():
    return simulate_subject("brain", 3, slices=1).targets[0]


def test_the_reference_itself_is_faithful_everywhere(brain):
    assert not sfrc.unfaithfulness(brain, brain, brain.max()).any()


def test_a_blurred_image_is_faithful_up_to_where_the_blur_bites(brain):
    half = np.fft.fftshift(np.fft.fft2(brain))
    half[:24] = half[-24:] = 0
    half[:, :24] = half[:, -24:] = 0
    blurred = np.abs(np.fft.ifft2(np.fft.ifftshift(half)))
    values = sfrc.unfaithfulness(blurred, brain, brain.max())
    inside = values[40:56, 40:56]
    assert 0.3 < np.median(inside) < 0.7  # half of the frequencies are left


def test_another_brain_is_suspect_by_the_authors_rule(brain):
    other = simulate_subject("brain", 4, slices=1).targets[0]
    values = sfrc.unfaithfulness(other, brain, brain.max())
    assert (values[30:66, 30:66] > 1 - sfrc.CUT_OFF).mean() > 0.5


def test_what_is_wrong_on_one_side_leaves_the_other_alone():
    rng = np.random.default_rng(0)
    reference = 1 + rng.random((160, 160))
    image = reference.copy()
    image[60:100, :40] = 1 + rng.random((40, 40))
    values = sfrc.unfaithfulness(image, reference, reference.max())
    assert values[80, 16] > 0.5
    assert not values[:, 80:].any()


def test_air_is_never_suspect(brain):
    noise = np.random.default_rng(0).random((96, 96)) * 1e-3 * brain.max()
    reference = np.zeros_like(brain)
    reference[48, 48] = brain.max() * 0.1
    assert not sfrc.unfaithfulness(noise, reference, brain.max())[:8, :8].any()


@pytest.mark.parametrize("shape", [(50, 70), (97, 48), (30, 30)])
def test_every_size_is_mapped_pixel_by_pixel(shape):
    reference = np.random.default_rng(0).random(shape) + 1
    values = sfrc.unfaithfulness(reference[::-1], reference, 2.0)
    assert values.shape == shape
    assert values.dtype == np.float32
    assert 0 <= values.min() <= values.max() <= 1
