from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.label_volume import write_labels
from napari_unlearn.io.preprocess3d import Plan, prepare, restore
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.phantoms.head import simulate_head
from tests.io.subject_nifti import save
from tests.io.test_nifti import oblique


def bordered(shape, start, stop, seed=0):
    """A subject of two channels whose content fills one box and nothing else."""
    rng = np.random.default_rng(seed)
    box = tuple(map(slice, start, stop))
    images = np.zeros((2, *shape), np.float32)
    images[(slice(None), *box)] = rng.uniform(1, 3, images[(slice(None), *box)].shape)
    labels = np.zeros(shape, np.uint8)
    labels[box] = rng.integers(0, 11, labels[box].shape)
    affine = oblique("SPL", (3.0, 1.1, 1.0))
    return Subject3D("x", images, labels, affine, ("T1", "FLAIR"))


def world(affine, index):
    return (affine @ [*index, 1])[:3]


def test_the_empty_border_of_all_channels_together_is_cropped():
    subject = bordered((10, 12, 11), (2, 3, 1), (8, 12, 9))
    subject.images[0, 2:4] = 0
    _, plan = prepare(subject, (6, 9, 8))
    assert (plan.start, plan.stop) == ((2, 3, 1), (8, 12, 9))
    shifted = replace(subject, images=subject.images - 1024)
    assert prepare(shifted, (6, 9, 8))[1] == plan


def test_each_channel_is_normalised_over_its_voxels_that_are_not_zero():
    subject = bordered((10, 12, 11), (2, 3, 1), (8, 12, 9))
    subject.images[0, 3:5, 4:6] = 0
    prepared, plan = prepare(subject, (6, 9, 8))
    for before, after in zip(subject.images, prepared.images, strict=True):
        tissue = before[2:8, 3:12, 1:9] != 0
        assert after[tissue].mean() == pytest.approx(0, abs=1e-5)
        assert after[tissue].std() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(
            after,
            (before[2:8, 3:12, 1:9] - before[before != 0].mean()) / before[before != 0].std(),
            atol=1e-5,
        )
    assert prepared.images.dtype == np.float32
    assert plan.size == prepared.shape


axis_lengths = st.tuples(st.integers(3, 12), st.integers(3, 12), st.integers(3, 12))


@settings(max_examples=40, deadline=None)
@given(shape=axis_lengths, growth=axis_lengths, seed=st.integers(0, 99))
def test_labels_survive_any_grid_that_is_not_coarser(shape, growth, seed):
    stop = tuple(n - 1 for n in shape)
    subject = bordered(shape, (1, 1, 0), stop, seed)
    kept = (stop[0] - 1, stop[1] - 1, stop[2])
    size = tuple(n + extra - 3 for n, extra in zip(kept, growth, strict=True))
    prepared, plan = prepare(subject, size)
    assert prepared.labels.shape == prepared.shape == size
    np.testing.assert_array_equal(restore(prepared.labels, plan), subject.labels)


@settings(max_examples=40, deadline=None)
@given(size=axis_lengths)
def test_images_labels_and_affine_of_the_network_grid_agree(size):
    # Each channel holds one scanner coordinate of its voxels.
    shape = (30, 31, 32)
    affine = oblique("SPL", (3.0, 1.1, 1.0))
    images = (world_grid(affine, shape) + 500).astype(np.float32)
    subject = Subject3D("x", images, None, affine)
    prepared, _ = prepare(subject, size)
    expected = world_grid(prepared.affine, size) + 500
    # Edges are extended by their own value, so that a ramp bends there.
    middle = tuple(slice(n // 3, n - n // 3) for n in size)
    for before, after, coordinate in zip(images, prepared.images, expected, strict=True):
        seen = after * before.std() + before.mean()
        np.testing.assert_allclose(seen[middle], coordinate[middle], atol=0.1)


def world_grid(affine, shape):
    indices = np.indices(shape).reshape(3, -1)
    return (affine @ np.vstack([indices, np.ones(indices.shape[1])]))[:3].reshape(3, *shape)


def test_a_coarser_grid_averages_instead_of_picking():
    rng = np.random.default_rng(0)
    images = rng.normal(10, 1, (1, 32, 32, 32)).astype(np.float32)
    prepared, _ = prepare(Subject3D("x", images, None, np.eye(4), ("T1",)), (8, 8, 8))
    assert prepared.images.std() < 0.35


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PSR", "SAR"])
def test_restored_labels_lie_where_the_image_lies_in_the_scanner(tmp_path, axes):
    # A tilted image with three marked voxels goes to the network's grid and back to a file.
    marks = {(4, 5, 6): 1, (10, 12, 7): 7, (6, 11, 9): 3}
    image = np.zeros((16, 17, 14), np.float32)
    image[2:14, 3:15, 1:12] = np.random.default_rng(0).uniform(1, 2, (12, 12, 11))
    labels = np.zeros(image.shape, np.uint8)
    for index, value in marks.items():
        labels[index] = value
    affine = oblique(axes, (1.0, 1.2, 3.0), tilt=0.5)
    paths = [save(tmp_path / f"{n}.nii.gz", d, affine) for n, d in (("i", image), ("l", labels))]
    subject = SubjectFiles("070", (("T1", paths[0]),), paths[1]).load()
    prepared, plan = prepare(subject, (20, 24, 30))
    for like in (None, paths[0]):
        out = write_labels(
            tmp_path / "out.nii.gz", restore(prepared.labels, plan), plan.affine, like=like
        )
        again = nib.load(out)
        found = np.argwhere(np.asarray(again.dataobj))
        assert len(found) == len(marks)
        expected = {value: world(affine, index) for index, value in marks.items()}
        for index in found:
            value = int(again.dataobj[tuple(index)])
            np.testing.assert_allclose(world(again.affine, index), expected[value], atol=1e-3)


def test_a_mark_on_the_network_grid_lies_where_its_affine_says():
    subject = bordered((10, 12, 11), (2, 3, 1), (8, 12, 9))
    _, plan = prepare(subject, (18, 27, 24))
    marked = np.zeros(plan.size, np.uint8)
    # Three network voxels per original one: the block's centre is the original voxel.
    marked[6:9, 9:12, 12:15] = 1
    (index,) = np.argwhere(restore(marked, plan))
    np.testing.assert_allclose(
        world(plan.network_affine, (7, 10, 13)), world(plan.affine, index), atol=1e-9
    )


def test_a_head_stretched_over_its_own_matrix_comes_back():
    head = simulate_head(1)
    prepared, plan = prepare(head, head.shape)
    again = restore(prepared.labels, plan)
    assert (again == head.labels).all()
    assert prepared.images.std() == pytest.approx(1, abs=0.5)


def test_what_cannot_be_prepared_or_restored_is_one_sentence():
    subject = bordered((10, 12, 11), (2, 3, 1), (8, 12, 9))
    with pytest.raises(UnlearnError, match="three positive sizes"):
        prepare(subject, (4, 0, 4))
    with pytest.raises(UnlearnError, match="images are empty"):
        prepare(replace(subject, images=np.zeros_like(subject.images)), (4, 4, 4))
    flat = subject.images.copy()
    flat[1] = flat[1] > 0
    with pytest.raises(UnlearnError, match="x, FLAIR: all voxels"):
        prepare(replace(subject, images=flat), (4, 4, 4))
    _, plan = prepare(subject, (4, 5, 6))
    with pytest.raises(UnlearnError, match=r"shape \(4, 5, 7\) cannot be restored"):
        restore(np.zeros((4, 5, 7), np.uint8), plan)


def test_plans_of_the_same_boxes_are_equal():
    plan = Plan((4, 4, 4), (0, 0, 0), (4, 4, 4), (8, 8, 8), np.eye(4))
    assert plan == replace(plan, affine=np.eye(4))
    assert plan != replace(plan, stop=(4, 4, 3))
