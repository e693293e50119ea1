import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.phantoms.head_protocol import HEADS, heads


def test_the_heads_have_the_sizes_of_the_measured_study():
    counts = {part.role: part.subjects for part in HEADS.sets}
    assert counts == {"retain": 5, "forget": 2, "unseen_test": 3, "nonmember": 6, "unseen": 3}


@pytest.mark.parametrize("scale", [1, 0.1, 30])
def test_no_head_is_in_two_sets(scale):
    seeds = [seed for part in HEADS.scaled(scale).sets for seed in part.seeds]
    assert len(seeds) == len(set(seeds))


def test_a_small_study_keeps_every_set():
    small = HEADS.scaled(0.01)
    assert [part.role for part in small.sets] == [part.role for part in HEADS.sets]
    assert all(part.subjects == 1 for part in small.sets)


@pytest.mark.parametrize("scale", [0, -1, 100, float("nan"), float("inf")])
def test_a_scale_that_makes_no_sense_is_refused(scale):
    with pytest.raises(UnlearnError, match="scale"):
        HEADS.scaled(scale)


def test_the_heads_of_a_set_are_its_seeds_on_the_grid_asked_for():
    made = list(heads(HEADS.having("forget"), (16, 20, 20)))
    assert [head.subject for head in made] == ["head-0200", "head-0201"]
    assert {head.shape for head in made} == {(16, 20, 20)}
    with pytest.raises(UnlearnError, match="16 voxels"):
        next(heads(HEADS.having("forget"), (8, 20, 20)))
