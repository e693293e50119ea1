from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.segment import in_order, segment, structure_volumes
from napari_unlearn.io.label_volume import write_labels
from napari_unlearn.io.open_subject import find_subject, load_images
from napari_unlearn.models.card import Card, Volumes
from napari_unlearn.mri.subject3d import Subject3D
from tests.evaluation.handmade import SIZES, Threshold, bright
from tests.io.subject_nifti import save
from tests.io.test_nifti import oblique

SHAPE = (18, 14, 12)
BLOB = (slice(8, 14), slice(2, 8), slice(4, 8))
"""Nowhere near the middle along any axis, so that a flip or a swap moves it."""


def card(channels=(), shape=None, **parameters):
    volumes = Volumes(channels=channels, classes=3, labels=("", "a", "b"), shape=shape)
    sizes = {**SIZES, "in_channels": len(channels) or 1, **parameters}
    return Card(architecture="med3d", parameters=sizes, title="Oracle", volumes=volumes)


def blob(shape=SHAPE):
    image = np.random.default_rng(0).uniform(0.9, 1.1, shape).astype(np.float32)
    image[BLOB] += 2
    return image


def subject(channels=("T1",), images=None):
    images = np.stack([blob() + 10 * n for n in range(len(channels))]) if images is None else images
    return Subject3D("head-1", images, None, np.diag([3.0, 1, 1, 1]), channels)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PSR", "ASL", "SAR", "ILP"])
@pytest.mark.parametrize("spacing", [(1.0, 1.1, 3.0), (4.0, 0.9, 1.2)])
def test_labels_overlay_their_image_exactly_wherever_its_axes_point(tmp_path, axes, spacing):
    affine = oblique(axes, spacing, tilt=0.4)
    path = save(tmp_path / "head.nii.gz", blob(), affine)
    images = load_images(find_subject(path))
    labels = segment(Threshold(), card(), images)
    written = nib.load(write_labels(tmp_path / "out.nii.gz", labels, images.affine, like=path))
    np.testing.assert_array_equal(written.affine, nib.load(path).affine)
    drawn = np.argwhere(np.asarray(written.dataobj) == 2)
    meant = np.argwhere(blob() > 2)
    here = nib.affines.apply_affine(written.affine, drawn)
    there = nib.affines.apply_affine(affine, meant)
    np.testing.assert_allclose(here, there, atol=1e-4)  # affines are stored in float32


def test_a_coarser_or_finer_grid_of_the_network_brings_labels_back_to_their_place():
    own = segment(Threshold(), card(), subject())
    for shape in ((24, 20, 20), (9, 12, 12)):
        labels = segment(Threshold(), card(shape=shape), subject())
        assert labels.shape == SHAPE
        assert set(np.unique(labels)) == {0, 2}
        middles = [np.argwhere(each == 2).mean(axis=0) for each in (own, labels)]
        np.testing.assert_allclose(middles[0], middles[1], atol=0.6)
        assert 2 * ((own == 2) & (labels == 2)).sum() > 0.7 * (
            (own == 2).sum() + (labels == 2).sum()
        )


def test_a_network_of_the_real_kind_labels_what_it_is_made_to_label():
    labels = segment(bright(), card(), subject())
    assert set(np.unique(labels)) == {0, 2}
    # Logits on a grid of half the size: edges are off by a voxel at most, the inside is not.
    inside = tuple(slice(part.start + 1, part.stop - 1) for part in BLOB)
    assert (labels[inside] == 2).all()
    around = tuple(slice(part.start - 1, part.stop + 1) for part in BLOB)
    outside = np.ones(SHAPE, bool)
    outside[around] = False
    assert not labels[outside].any()


def test_contrasts_are_found_by_name_in_whatever_order_they_come():
    names = ("T1", "FLAIR")
    asked = card(names)
    there = subject(names)
    turned = replace(there, images=there.images[::-1], channels=("flair", "t1"))
    plain = segment(bright(2), asked, there)
    np.testing.assert_array_equal(segment(bright(2), asked, turned), plain)
    assert in_order(turned, asked).channels == names
    more = subject(("T1-IR", "FLAIR", "T1"))
    assert in_order(more, asked).images[0].max() == more.images[2].max()


def test_files_that_name_no_contrast_are_taken_in_their_order():
    series = subject(("image 1", "image 2"))
    assert in_order(series, card(("T1", "FLAIR"))) is series
    single = subject(("image",))
    assert in_order(single, card(("T1",))) is single
    assert in_order(subject(("T1",)), card(("image",))).channels == ("T1",)


@pytest.mark.parametrize(
    ("there", "wanted", "said"),
    [
        (("T1",), ("T1", "FLAIR"), "head-1 lacks FLAIR: 'Oracle' reads T1, FLAIR; found are T1"),
        (("T1", "T1-IR"), ("FLAIR",), "lacks FLAIR"),
        (("image",), ("T1", "FLAIR"), r"has 1 \(image\), but 'Oracle' reads 2 contrasts \(T1, FL"),
        (("image 1", "image 2"), (), r"has 2 \(image 1, image 2\), but 'Oracle' reads 1 contrast"),
    ],
)
def test_contrasts_that_do_not_fit_are_one_sentence(there, wanted, said):
    with pytest.raises(EvaluationError, match=said) as caught:
        segment(Threshold(), card(wanted), subject(there))
    assert "\n" not in str(caught.value)


def test_a_network_that_does_not_segment_is_refused():
    varnet = Card(architecture="varnet", parameters={}, title="VN")
    with pytest.raises(EvaluationError, match="'VN' is a varnet, which does not segment"):
        segment(Threshold(), varnet, subject())


def test_a_network_that_is_partly_random_is_refused():
    fresh = Card(architecture="med3d", parameters=SIZES, metrics={"fresh_keys": 8}, remark="Fresh.")
    with pytest.raises(EvaluationError, match=r"before it is trained.*Fresh\.$"):
        segment(Threshold(), fresh, subject())


def test_what_cannot_fit_is_said_beforehand():
    with pytest.raises(EvaluationError, match=r"90000x90000x90000.*GiB of memory.*free on CPU"):
        segment(bright(), card(shape=(90_000,) * 3), subject())


class Allocates(nn.Module):
    def forward(self, image):
        return torch.empty(1 << 50)  # a petabyte: the real allocator's own message


class Undecided(nn.Module):
    def forward(self, image):
        return torch.full((1, 3, *image.shape[2:]), torch.nan)


def test_out_of_memory_is_one_sentence():
    with pytest.raises(EvaluationError, match=r"^cpu ran out of memory.*head-1 \(18x14x12\)"):
        segment(Allocates(), card(), subject())


def test_an_answer_that_is_not_finite_is_no_label():
    with pytest.raises(EvaluationError, match="not finite"):
        segment(Undecided(), card(), subject())


def test_cancel_stops_within_the_network():
    model, cancel, entered = bright(), CancelToken(), []
    model.layer1.register_forward_hook(lambda *_: cancel.cancel())
    model.layer2.register_forward_hook(lambda *_: entered.append(1))
    with pytest.raises(Cancelled):
        segment(model, card(), subject(), cancel=cancel)
    assert not entered
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_a_volume_is_its_voxels_times_their_size():
    labels = np.zeros(SHAPE, np.uint8)
    labels[:2, :5, :5] = 2
    labels[5, 0, 0] = 7
    affine = oblique("SPL", (3.0, 0.5, 2.0), tilt=0.3)
    first, second = structure_volumes(labels, affine, card())
    assert (first.label, first.name, first.voxels) == (2, "b", 50)
    assert first.volume == pytest.approx(50 * 3 / 1000)
    assert (second.label, second.name, second.voxels) == (7, "label 7", 1)
