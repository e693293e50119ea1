"""From a marked or drawn region to the forget set of the next run."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Shapes
from qtpy.QtCore import Qt

from napari_unlearn import __version__
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import KIND_VALUES
from napari_unlearn.evaluation.responsibility import Responsibility, Responsible
from napari_unlearn.experiment import Experiment
from napari_unlearn.simulation import sample_experiment
from napari_unlearn.viewer.responsible_dock import ResponsibleDock
from napari_unlearn.viewer.responsible_list import ResponsibleList
from napari_unlearn.viewer.responsible_outline import (
    active_drawing,
    drawn_region,
    marked_regions,
)
from napari_unlearn.viewer.responsible_tasks import Answer, Question, asking
from napari_unlearn.viewer.samples import SAMPLES, sample_folder
from napari_unlearn.viewer.scan_sets import ScanSets
from napari_unlearn.viewer.studies import listing_strategies, reading
from napari_unlearn.viewer.unlearn_dock import UnlearnDock

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000  # milliseconds: other work may share the machine


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The sample experiment, two subjects per set."""
    folder = tmp_path_factory.mktemp("cache") / f"sample-experiment-{__version__}"
    for _ in sample_experiment(folder, sample_folder() / SAMPLES[0].protocol, scale=0.03):
        pass
    return folder


@pytest.fixture
def folder(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Path(shutil.copytree(drawn, tmp_path / "experiment"))


def _answer(folder, *scores, experiment=None):
    """Scores of the slices of two sets' scans, two slices each."""
    loaded = Experiment.load(folder)
    slices = [
        (scan.header, index, name)
        for name in ("forget", "retain")
        for scan in loaded.samples(name).scans
        for index in range(scan.header.slices)
    ]
    scores = (*scores, *(0.0 for _ in slices[len(scores) :]))
    found = tuple(
        Responsible(header.name, os.path.abspath(header.source), name, index, score, score)
        for (header, index, name), score in zip(slices, scores, strict=True)
    )
    pictures = tuple(np.full((6, 5), 0.5, np.float32) for _ in range(4))
    question = Question(experiment or loaded.path, "original", Path("x.h5"), 0, np.ones((2, 2)))
    return Answer(question, Responsibility(found, "healing", "reference", 0.2), pictures)


def test_a_marked_region_is_its_own_pixels_alone(comparison):
    arm = comparison.arms[0]
    regions = list(marked_regions(comparison, "original"))
    assert len(regions) == len(arm.regions) == 2
    together = regions[0].inside | regions[1].inside
    assert not (regions[0].inside & regions[1].inside).any()
    np.testing.assert_array_equal(together, arm.highlights[1] > 0)
    assert all(each.slice == 1 and "too bright" in each.title for each in regions)


def test_without_a_reference_no_polarity_is_claimed(comparison):
    arm = comparison.arms[0]
    unknown = tuple(replace(region, mean_error=float("nan")) for region in arm.regions)
    bare = replace(comparison, arms=(replace(arm, regions=unknown),))
    assert not any("too" in each.title for each in marked_regions(bare, "original"))


def test_of_another_model_what_it_no_longer_paints_is_not_offered(comparison):
    arm = comparison.arms[2]
    offered = list(marked_regions(comparison, "Unlearned"))
    gone = KIND_VALUES["removed"]
    assert offered
    assert not any((arm.highlights[1][each.inside] == gone).any() for each in offered)


def test_a_drawing_is_read_in_the_scans_own_pixels(header):
    corners = np.array([[1, 10, 20], [1, 10, 30], [1, 18, 30], [1, 18, 20]], float)
    scaled = Shapes([corners], shape_type="rectangle", scale=header.voxel_size, name="Mine")
    in_mm = Shapes([corners * header.voxel_size], shape_type="polygon")
    first, second = drawn_region(scaled, header, 1), drawn_region(in_mm, header, 1)
    np.testing.assert_array_equal(first.inside, second.inside)
    assert first.inside[14, 25]
    assert not first.inside[14, 31]
    assert first.title == "'Mine', slice 1"


def test_an_ellipse_has_round_corners(header):
    corners = np.array([[1, 10, 20], [1, 10, 32], [1, 22, 32], [1, 22, 20]], float)
    layer = Shapes([corners], shape_type="ellipse", scale=header.voxel_size)
    inside = drawn_region(layer, header, 1).inside
    assert inside[16, 26]
    assert not inside[11, 21]
    assert inside.sum() == pytest.approx(np.pi * 36, rel=0.1)


def test_a_drawing_on_another_slice_is_not_taken(header):
    corners = np.array([[1, 10, 20], [1, 10, 30], [1, 18, 30]], float)
    layer = Shapes([corners], shape_type="polygon", scale=header.voxel_size)
    with pytest.raises(UnlearnError, match="on slice 0"):
        drawn_region(layer, header, 0)


def test_the_selected_drawing_is_taken_and_never_a_tiles_outlines():
    tile, mine, yours = Shapes(), Shapes(), Shapes()
    layers = [tile, mine, yours]
    assert active_drawing(layers, mine, [tile]) is mine
    assert active_drawing(layers, tile, [tile]) is yours
    with pytest.raises(UnlearnError, match="Nothing is drawn"):
        active_drawing([tile], tile, [tile])


def test_what_stands_out_is_ticked_and_a_scan_is_ticked_as_a_whole(qtbot, folder):
    widget = ResponsibleList()
    qtbot.addWidget(widget)
    answer = _answer(folder, 9.0, 1.0, 0.5)
    widget.show_answer(answer)
    first, second = answer.found.slices[0].source, answer.found.slices[2].source
    assert widget.count() == 4
    assert widget.ticked == (first,)
    widget.item(3).setCheckState(Qt.CheckState.Checked)
    assert widget.ticked == (first, second)
    widget.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert widget.ticked == (second,)


def test_a_proposal_regroups_the_next_order_until_it_is_declined(qtbot, folder):
    (study,) = reading(folder, CancelToken())
    sets = ScanSets()
    qtbot.addWidget(sets)
    sets.show_study(study)
    assert sets.members == {}
    answer = _answer(folder, 9.0)
    with qtbot.waitSignal(sets.changed):
        sets.show_proposal(answer.proposal(answer.found.proposed))
    assert sets.members["forget"] == answer.found.proposed
    assert sets.whom == "proposed"
    assert "1 scan<br>2 slices" in sets.forget.text.text()
    regrouped = study.regrouped(sets.members)
    scans = study.forget.scans + study.retain.scans
    assert (regrouped.forget.slices, regrouped.retain.slices) == (2, 2 * (scans - 1))
    loaded = Experiment.load(folder).with_members(sets.members)
    assert len(loaded.samples("forget")) == 2
    assert len(loaded.samples("retain")) == 2 * (scans - 1)
    with qtbot.waitSignal(sets.changed):
        qtbot.mouseClick(sets.proposed.decline, LEFT)
    assert sets.members == {}
    assert sets.whom == ""


def test_a_proposal_for_another_experiment_is_not_taken(qtbot, folder):
    (study,) = reading(folder, CancelToken())
    sets = ScanSets()
    qtbot.addWidget(sets)
    sets.show_study(study)
    answer = _answer(folder, 9.0, experiment=Path("other.toml"))
    sets.show_proposal(answer.proposal(answer.found.proposed))
    assert sets.members == {}


@pytest.mark.long
def test_the_pictures_are_those_of_the_first_slices(folder):
    loaded = Experiment.load(folder)
    scan = loaded.samples("site_test").scans[0]
    inside = np.zeros((scan.header.image_rows, scan.header.image_columns), bool)
    inside[25:40, 28:43] = True
    question = Question(loaded.path, "original", Path(scan.header.source), 0, inside)
    *counts, answer = asking(question, CancelToken())
    assert counts[-1].done == counts[-1].total == len(answer.found.slices)
    first = answer.found.slices[0]
    target = next(
        scan.target(first.slice)
        for scan in loaded.samples(first.set).scans
        if scan.header.name == first.scan
    )
    top = np.percentile(target, 99.8)
    np.testing.assert_allclose(answer.pictures[0], np.clip(target / top, 0, 1), atol=1e-6)


@pytest.mark.long
def test_from_a_region_to_the_unlearn_dock(make_napari_viewer, qtbot, folder):
    """The ring that the sample's original invents: outlined, traced, ordered to be forgotten."""
    viewer = make_napari_viewer()
    unlearn, dock = UnlearnDock(viewer), ResponsibleDock(viewer)
    for widget in (unlearn, dock):
        viewer.window.add_dock_widget(widget)
    assert not dock.use.isEnabled()
    qtbot.mouseClick(dock.panel.run, LEFT)
    assert "Open the scan" in dock.panel.status.text()
    training, session = unlearn.training, unlearn.session
    training._on_strategies(*listing_strategies(CancelToken()))
    training._on_looked(*reading(folder, CancelToken()))
    session.set_models(training.study.trained)
    with qtbot.waitSignal(session.compared, timeout=LONG):
        session.open(training.study.scan, then=session.compare)
    qtbot.waitUntil(lambda: not session.busy, timeout=LONG)
    assert "slice" in dock.outline.itemText(0)
    with qtbot.waitSignal(dock.inquiry.jobs.ended, timeout=LONG):
        qtbot.mouseClick(dock.panel.run, LEFT)
    assert dock.list.count() > 0
    assert "training slices" in dock.panel.status.text()
    assert dock.list.item(0).text().endswith("forget")
    if not dock.list.ticked:
        dock.list.item(0).setCheckState(Qt.CheckState.Checked)
    with qtbot.waitSignal(training.proposed):
        qtbot.mouseClick(dock.use, LEFT)
    assert unlearn.sets.members["forget"] == tuple(sorted(dock.list.ticked))
    assert unlearn.budget.name.text().endswith("-proposed")
