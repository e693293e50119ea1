"""Volumes that are labelled window by window."""

import numpy as np
import pytest
import torch

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.segment import segment, segmenting
from napari_unlearn.evaluation.windows import (
    Windowed,
    Windows,
    fitting,
    label_by_windows,
)
from napari_unlearn.models.memory import Tally
from tests.evaluation.handmade import Threshold, bright
from tests.evaluation.test_segment import card, subject


def noise(*shape):
    return np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)


def labelled(model, image, windows, **options):
    return list(label_by_windows(model, image, windows, **options))


@pytest.mark.parametrize("shape", [(40, 37, 53), (16, 64, 16), (33, 16, 17)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_every_voxel_is_labelled_as_in_one_go_where_its_neighbours_do_not_matter(shape, overlap):
    image = noise(*shape)
    *_, whole = labelled(Threshold(), image, Windows(shape))
    *_, parts = labelled(Threshold(), image, Windows((16, 16, 16), overlap))
    np.testing.assert_array_equal(parts, whole)
    assert set(np.unique(whole)) == {0, 2}


def test_windows_of_a_real_network_agree_with_the_whole_but_for_rims():
    image = noise(48, 48, 48) / 10
    image[:, 8:40, 10:30, 12:36] += 2
    *_, whole = labelled(bright(), image, Windows((48, 48, 48)))
    *_, parts = labelled(bright(), image, Windows((24, 32, 24)))
    assert (whole == 2).sum() > 10_000
    assert (whole != parts).mean() < 0.001


def test_progress_counts_windows():
    windows = Windows((16, 16, 16), 0.25)
    *told, _ = labelled(Threshold(), noise(40, 16, 24), windows)
    assert [each.done for each in told] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {each.total for each in told} == {windows.count((40, 16, 24))} == {8}


def test_a_deeper_volume_takes_no_more_memory():
    most = []
    for depth in (48, 144):
        with Tally() as tally:
            labelled(Threshold(), noise(depth, 48, 48), Windows((16, 16, 16)))
        most.append(tally.most)
    assert most[1] == most[0]


def test_a_subject_is_labelled_in_windows_of_the_size_that_is_asked_for():
    whole = segment(Threshold(), card(), subject())
    *told, parts = segmenting(Threshold(), card(), subject(), window=(8, 8, 128))
    np.testing.assert_array_equal(parts, whole)
    assert told[-1] == Windowed(len(told), len(told))


def test_a_network_that_knows_whole_heads_sees_no_windows():
    with pytest.raises(EvaluationError, match=r"trained on whole volumes, brought to 24x20x20"):
        segment(Threshold(), card(shape=(24, 20, 20)), subject(), window=(8, 8, 8))


def test_half_precision_labels_alike_and_is_half_precision():
    seen = []
    model = bright()
    model.conv1.register_forward_hook(lambda *given: seen.append(given[-1].dtype))
    single = segment(model, card(), subject())
    mixed = segment(model, card(), subject(), precision="bf16-mixed")
    assert seen == [torch.float32, torch.bfloat16]
    assert (single != mixed).mean() < 0.01


@pytest.mark.parametrize(
    ("free", "size"),
    [(2**40, (100, 128, 128)), (2**30, (50, 64, 64)), (100, None)],
)
def test_windows_shrink_until_they_fit(free, size):
    found = fitting((100, 512, 512), 1000.0, free)
    if size is None:
        assert found is None
    else:
        assert np.prod(found.size) * 1000 <= free / 2
        assert max(found.size) <= 128
        assert found.size[1] % 8 == found.size[2] % 8 == 0
