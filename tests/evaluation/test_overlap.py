import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from skimage.metrics import hausdorff_distance

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.overlap import (
    hausdorff_95,
    mae,
    score_structures,
    voxel_agreement,
)
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.volumes import VolumeBatch

ANISOTROPIC = (3.0, 1.0, 0.5)


def empty():
    return np.zeros((10, 12, 14), np.uint8)


def box(depth, rows, columns, value=1, on=None):
    labels = empty() if on is None else on.copy()
    labels[slice(*depth), slice(*rows), slice(*columns)] = value
    return labels


def blob(seed):
    return gaussian_filter(np.random.default_rng(seed).normal(size=(10, 12, 14)), 2) > 0.02


def surface(mask):
    """Voxels with a neighbour outside, found by looking at all six of them."""
    padded = np.pad(mask, 1)
    shifts = [np.roll(padded, step, axis) for axis in range(3) for step in (-1, 1)]
    return mask & ~np.all(shifts, axis=0)[1:-1, 1:-1, 1:-1]


def reference_hd95(one, other, voxel_size):
    """All pairs of surface voxels; nothing of it by distance transforms."""
    here, there = (np.argwhere(surface(mask)) * voxel_size for mask in (one, other))
    apart = cdist(here, there)
    return max(np.percentile(apart.min(0), 95), np.percentile(apart.min(1), 95))


def test_dice_and_volume_of_boxes_by_hand():
    truth = box((1, 5), (2, 6), (3, 7))  # 64 voxels
    labels = box((3, 7), (2, 6), (3, 7))  # half of it, and as much beside
    (score,) = score_structures(labels, truth, ANISOTROPIC)
    assert (score.label, score.name) == (1, "cortical grey matter")
    assert score.dice == 0.5
    assert score.volume == score.true_volume == pytest.approx(64 * 1.5 / 1000)
    # 16 of 56 surface voxels lie two slices of 3 mm beyond.
    assert score.hd95 == pytest.approx(6.0)


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), ANISOTROPIC])
@pytest.mark.parametrize("seed", range(4))
def test_hd95_is_that_of_all_pairs_of_surface_voxels(seed, voxel_size):
    one, other = blob(seed), blob(seed + 10)
    expected = reference_hd95(one, other, voxel_size)
    assert hausdorff_95(one, other, voxel_size) == pytest.approx(expected)
    assert hausdorff_95(other, one, voxel_size) == pytest.approx(expected)
    assert hausdorff_95(one, one, voxel_size) == 0


def test_hd95_of_parallel_planes_is_the_hausdorff_distance():
    one, other = (box((place, place + 1), (2, 9), (2, 9)) > 0 for place in (2, 7))
    assert hausdorff_95(one, other, (1.0, 1.0, 1.0)) == hausdorff_distance(one, other) == 5
    assert hausdorff_95(one, other, ANISOTROPIC) == 15


def test_a_few_stray_voxels_do_not_decide_the_distance():
    truth = box((2, 8), (2, 10), (2, 12)) > 0
    stray = truth.copy()
    stray[0, 0, 0] = True
    assert hausdorff_95(stray, truth, ANISOTROPIC) == 0
    assert hausdorff_distance(stray, truth) > 3


def test_a_structure_that_is_missed_or_invented():
    truth = box((1, 3), (1, 3), (1, 3), value=4)
    missed, invented = score_structures(box((5, 7), (5, 7), (5, 7), value=6), truth, (1, 1, 1))
    assert (missed.label, missed.dice, missed.hd95) == (4, 0.0, None)
    assert (missed.volume, missed.true_volume) == (0.0, 0.008)
    assert (invented.label, invented.dice, invented.hd95) == (6, None, None)
    assert (invented.volume, invented.true_volume) == (0.008, 0.0)


def test_nothing_labelled_is_no_structure_and_unknown_labels_have_numbers():
    assert score_structures(empty(), empty(), (1, 1, 1)) == ()
    (score,) = score_structures(box((1, 3), (1, 3), (1, 3), 40), empty(), (1, 1, 1))
    assert score.name == "label 40"


def test_agreement_counts_where_either_sees_something():
    one = box((0, 2), (0, 2), (0, 2))  # 8 voxels
    other = box((1, 3), (0, 2), (0, 2))  # 4 of them, and 4 beside
    assert voxel_agreement(one, other) == pytest.approx(4 / 12)
    relabelled = box((1, 2), (0, 2), (0, 2), 2, on=one)
    assert voxel_agreement(one, relabelled) == 0.5
    assert voxel_agreement(empty(), empty()) == 1.0


def test_overlap_and_mae_are_those_that_the_loop_measures():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(1, 6, 6, 7, 8)).astype(np.float32))
    truth = torch.from_numpy(rng.integers(0, 6, (1, 6, 7, 8)))
    answer = logits.softmax(1)
    batch = VolumeBatch(torch.zeros(1, 1, 6, 7, 8), truth, classes=6)
    told = Segmentation().quality(answer, batch)
    scores = score_structures(answer[0].argmax(0).numpy(), truth[0].numpy(), (1, 1, 1))
    assert {f"dice_{s.label}": s.dice for s in scores} == pytest.approx(
        {key: value for key, value in told.items() if key[5:].isdigit()}
    )
    assert mae(answer[0].numpy(), truth[0].numpy()) == pytest.approx(told["mae"], rel=1e-5)


def test_mae_by_hand():
    probabilities = np.array([[0.9, 0.2], [0.1, 0.8]]).reshape(2, 1, 1, 2)
    truth = np.array([0, 0]).reshape(1, 1, 2)
    assert mae(probabilities, truth) == pytest.approx((0.1 + 0.8 + 0.1 + 0.8) / 4)


def test_label_maps_of_two_grids_are_refused():
    with pytest.raises(EvaluationError, match=r"\(10, 12, 14\) and \(4, 4, 4\)"):
        score_structures(empty(), np.zeros((4, 4, 4), np.uint8), (1, 1, 1))
