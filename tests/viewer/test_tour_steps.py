"""The story itself, without a window."""

from pathlib import Path

from napari_unlearn.viewer.samples import SAMPLES
from napari_unlearn.viewer.tour_demo import numbered
from napari_unlearn.viewer.tour_steps import TOUR, Near, Open, Show, UnlearnLive, hurried


def test_it_begins_with_a_sample_so_that_it_can_begin_with_any_window():
    assert isinstance(TOUR[0].action, Open)


def test_it_opens_samples_that_there_are_and_points_at_tiles_that_come_with_them():
    keys = {sample.key for sample in SAMPLES}
    names = {"Ground truth"}
    for step in TOUR:
        if isinstance(step.action, Open):
            assert step.action.sample in keys
            sample = next(each for each in SAMPLES if each.key == step.action.sample)
            names = {"Ground truth", *(model.name for model in sample.models(Path()))}
        elif isinstance(step.action, UnlearnLive):
            names.add("Unlearned live")
        elif isinstance(step.action, Show):
            assert names.issuperset(step.action.light)


def test_a_hurried_tour_tells_the_same_story():
    quick = hurried(TOUR, 0.5)
    assert [step.title for step in quick] == [step.title for step in TOUR]
    assert max(step.seconds for step in quick) == 0.5


def test_pictures_are_numbered_in_the_order_of_the_story():
    paths = [numbered(Path("there/tour.png"), place) for place in range(len(TOUR))]
    assert paths[0] == Path("there/tour-01-scan.png")
    assert paths == sorted(paths)
    assert len(set(paths)) == len(TOUR)


def test_near_finds_the_largest_region_of_a_model(comparison):
    arm, region = Near("Unlearned", "introduced").find(comparison)
    assert arm.name == "Unlearned"
    assert region.kind == "introduced"
    assert region.area == max(r.area for r in arm.regions if r.kind == "introduced")
    assert Near("Oracle", "introduced").find(comparison) is None
