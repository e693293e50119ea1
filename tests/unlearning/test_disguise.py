"""Bends of a head and the way back."""

import torch

from napari_unlearn.unlearning.disguise import bend, draw_bend, inverse


def _blob(shape=(18, 24, 24)):
    axes = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in shape), indexing="ij")
    return torch.exp(-4 * sum(axis.square() for axis in axes))[None, None]


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_no_displacement_changes_nothing():
    image = torch.randn(2, 3, 6, 7, 8, generator=_rng())
    torch.testing.assert_close(bend(image, torch.zeros(1, 3, 6, 7, 8)), image)


def test_whole_voxels_are_read_where_they_lie():
    image = torch.randn(1, 1, 6, 7, 8, generator=_rng())
    for axis in range(3):
        there = torch.zeros(1, 3, 6, 7, 8)
        there[:, axis] = 1.0
        moved = bend(image, there)
        kept = image.shape[2 + axis] - 1
        expected = image.narrow(2 + axis, 1, kept)
        torch.testing.assert_close(moved.narrow(2 + axis, 0, kept), expected)


def test_a_bend_has_the_amount_that_was_asked_for_and_follows_its_seed():
    there = draw_bend((18, 24, 24), 1.5, _rng(3))
    torch.testing.assert_close(there.std(), torch.tensor(1.5))
    torch.testing.assert_close(there, draw_bend((18, 24, 24), 1.5, _rng(3)))
    assert not torch.equal(there, draw_bend((18, 24, 24), 1.5, _rng(4)))


def test_the_inverse_leads_back():
    image = _blob()
    there = draw_bend(image.shape[2:], 1.0, _rng(1))
    bent = bend(image, there)
    back = bend(bent, inverse(there))
    inner = (..., slice(3, -3), slice(3, -3), slice(3, -3))  # the border goes on as it is
    assert (bent - image)[inner].abs().mean() > 5 * (back - image)[inner].abs().mean()
