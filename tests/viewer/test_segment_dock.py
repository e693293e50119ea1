"""The dock as a user drives it: a real window, real networks in their own process."""

import csv
import shutil

import nibabel
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn import __version__
from napari_unlearn.evaluation.segment import segment
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.models.checkpoint import load_checkpoint, read_card
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.simulation import sample_experiment
from napari_unlearn.viewer.samples import HEAD, open_head
from napari_unlearn.viewer.segment_dock import SegmentDock
from napari_unlearn.viewer.segment_table import export_table
from napari_unlearn.viewer.unlearn_dock import UnlearnDock
from tests.viewer.segment_samples import write_models

LEFT = Qt.MouseButton.LeftButton
LONG = 240_000  # milliseconds: other work may share the machine


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sample folder with a head and three networks, and a small experiment around them."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "brain_site_b.h5").touch()
    write_subject(folder / HEAD.scan, simulate_head(200))
    write_models(folder / HEAD.protocol)
    cache = tmp_path_factory.mktemp("cache")
    place = cache / "napari-unlearn" / f"sample-heads-{__version__}"
    for _ in sample_experiment(place, folder / HEAD.protocol, 0.4, "heads", ("forget",)):
        pass
    return folder, cache


@pytest.fixture
def samples(made, monkeypatch):
    monkeypatch.setenv("NAPARI_UNLEARN_SAMPLES", str(made[0]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return made[0]


@pytest.fixture
def cache(made, tmp_path, monkeypatch):
    copy = tmp_path / "cache"
    shutil.copytree(made[1], copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(copy))
    return copy


@pytest.fixture
def viewer(make_napari_viewer, request):
    # Only what is on the screen is drawn; the other tests need no pixels.
    return make_napari_viewer(show=request.node.get_closest_marker("long") is not None)


@pytest.fixture
def dock(viewer, samples):
    widget = SegmentDock(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    return widget


@pytest.fixture
def opened(qtbot, dock, samples):
    """The dock with the head open and three models listed; nothing has run."""
    with qtbot.waitSignal(dock.segmenting.jobs.ended, timeout=LONG):
        dock.open(samples / HEAD.scan)
    dock.segmenting.set_models(HEAD.models(samples))
    return dock


def _idle(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=LONG)


def _run(qtbot, dock):
    with qtbot.waitSignal(dock.segmenting.jobs.ended, timeout=LONG) as ended:
        qtbot.mouseClick(dock.panel.run, LEFT)
        assert not dock.panel.run.isEnabled()
    return ended.args[0]


def _heads(table):
    return [table.horizontalHeaderItem(place).text() for place in range(table.columnCount())]


def _colourful(viewer):
    """Share of strongly coloured pixels on the canvas; an image without labels has none."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    return (np.ptp(picture, axis=-1) > 60).mean()


@pytest.mark.long
def test_three_models_label_the_sample_then_somebody_is_forgotten(qtbot, dock, viewer, cache):
    segmenting = dock.segmenting
    unlearn = UnlearnDock(viewer)
    viewer.window.add_dock_widget(unlearn, name="Unlearn")
    qtbot.mouseClick(dock.sample, LEFT)
    qtbot.waitUntil(
        lambda: segmenting.labelled is not None and len(segmenting.labelled.arms) == 3,
        timeout=LONG,
    )
    _idle(qtbot, dock)
    assert _heads(dock.table) == ["Structure", "Original", "Oracle", "Unlearned"]
    assert len(segmenting.tiles.tiles) == 4
    assert _colourful(viewer) > 0.01
    dock.view.labels.setChecked(False)
    assert _colourful(viewer) < 0.001
    dock.view.labels.setChecked(True)
    qtbot.mouseClick(dock.view.solid, LEFT)
    assert viewer.dims.ndisplay == 3
    assert _colourful(viewer) > 0.01
    qtbot.mouseClick(dock.view.flat, LEFT)
    assert viewer.dims.ndisplay == 2

    qtbot.mouseClick(unlearn.samples["heads"], LEFT)
    qtbot.waitUntil(unlearn.panel.start.isEnabled, timeout=LONG)
    _idle(qtbot, dock)
    subjects = unlearn.sets.subjects
    assert subjects.ticked == ("head-0200",)
    assert not unlearn.budget.guarded.isVisible()
    names = [unlearn.strategy.chooser.itemData(n) for n in range(unlearn.strategy.chooser.count())]
    assert "noisy-label" in names
    assert "acquired-lines" not in names
    subjects.tick("head-0200", False)
    assert not unlearn.panel.start.isEnabled()
    subjects.tick("head-0001", True)
    assert unlearn.panel.start.isEnabled()
    unlearn.strategy.chooser.setCurrentIndex(unlearn.strategy.chooser.findData("noisy-label"))
    assert unlearn.budget.name.text() == "noisy-label-head-0001"
    unlearn.budget.unit.setCurrentText("steps")
    unlearn.budget.amount.setValue(4)

    qtbot.mouseClick(unlearn.panel.start, LEFT)
    qtbot.waitUntil(lambda: unlearn.training.log is not None, timeout=LONG)
    log = unlearn.training.log
    qtbot.waitUntil(lambda: log.over, timeout=LONG)
    assert log.state == "finished", log.message
    assert log.previews[0].shape == segmenting.opened.subject.shape
    assert "forget_dice" in log.epochs[-1].metrics
    assert unlearn.curves.measure.currentText() == "Dice"
    qtbot.waitUntil(lambda: len(segmenting.labelled.arms) == 4, timeout=LONG)
    _idle(qtbot, dock)
    assert _heads(dock.table)[-1] == "noisy-label-head-0001"
    assert len(segmenting.tiles.tiles) == 5
    card = read_card(segmenting.models[-1].path)
    assert (card.retain_scans, card.forget_scans) == (2, 1)

    final = segmenting.tiles.tiles[-1].labels.data
    unlearn.scrubber.slider.setValue(0)
    shown = segmenting.tiles.tiles[-1]
    np.testing.assert_array_equal(shown.labels.data, log.previews[0])
    assert shown.image.name == "noisy-label-head-0001 · epoch 0"
    unlearn.scrubber.slider.setValue(unlearn.scrubber.slider.maximum())
    assert segmenting.tiles.tiles[-1].labels.data is final


def test_run_shows_what_the_models_say_when_called_directly(qtbot, opened, samples):
    assert _run(qtbot, opened).outcome == "finished"
    subject = opened.segmenting.opened.subject
    for tile, model in zip(opened.segmenting.tiles.tiles[1:], HEAD.models(samples), strict=True):
        network, card = load_checkpoint(model.path)
        np.testing.assert_array_equal(tile.labels.data, segment(network, card, subject))
    assert opened.panel.run.isEnabled()
    assert not opened.panel.cancel.isEnabled()


def test_a_click_on_a_structure_jumps_to_most_of_it(qtbot, opened, viewer):
    labels = opened.segmenting.labelled.truth.labels
    structures = opened.segmenting.labelled.structures
    row = structures.index(7)
    opened.table.cellClicked.emit(row, 0)
    index = round(viewer.dims.point[0] / opened.segmenting.opened.subject.voxel_size[0])
    assert index == int(np.argmax((labels == 7).sum(axis=(1, 2))))
    assert opened.segmenting.tiles.look.only == 7
    qtbot.mouseClick(opened.all, LEFT)
    assert opened.segmenting.tiles.look.only is None


def test_a_model_that_has_run_does_not_run_again(qtbot, opened, samples):
    _run(qtbot, opened)
    first = opened.segmenting.labelled.arms[0].labels
    known = []
    opened.segmenting.progressed.connect(known.append)
    opened.models.add(samples / HEAD.protocol / "oracle.safetensors")
    _run(qtbot, opened)
    arms = opened.segmenting.labelled.arms
    assert len(arms) == 4
    np.testing.assert_array_equal(arms[0].labels, first)
    assert [progress.done for progress in known] == [1, 2, 3, 4]


def test_cancel_leaves_living_buttons_and_the_result_that_was_there(qtbot, opened):
    _run(qtbot, opened)
    before = opened.segmenting.labelled
    opened.segmenting._made = {}
    qtbot.mouseClick(opened.panel.run, LEFT)
    with qtbot.waitSignal(opened.segmenting.jobs.ended, timeout=15000) as ended:
        qtbot.mouseClick(opened.panel.cancel, LEFT)
    assert ended.args[0].outcome == "cancelled"
    assert opened.panel.status.text() == "Cancelled."
    assert opened.panel.run.isEnabled()
    assert opened.segmenting.labelled is before
    captions = [tile.image.name for tile in opened.segmenting.tiles.tiles]
    assert not any(caption.endswith("…") for caption in captions)


def test_a_network_that_does_not_segment_is_named_in_one_sentence(qtbot, opened, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no checkpoint")
    opened.models.add(broken)
    assert _run(qtbot, opened).outcome == "failed"
    text = opened.panel.status.text()
    assert "broken.safetensors" in text
    assert "\n" not in text
    assert opened.panel.run.isEnabled()


def test_a_wrong_path_is_one_sentence(qtbot, dock, tmp_path):
    dock.path.setText(str(tmp_path / "nobody"))
    with qtbot.waitSignal(dock.segmenting.jobs.ended, timeout=LONG):
        qtbot.keyClick(dock.path, Qt.Key.Key_Return)
    assert "no such file or folder" in dock.panel.status.text()
    qtbot.mouseClick(dock.panel.run, LEFT)
    assert dock.panel.status.text().startswith("No subject is open")


def test_closing_the_viewer_in_the_middle_stops_the_run(qtbot, opened, viewer):
    jobs = opened.segmenting.jobs
    qtbot.mouseClick(opened.panel.run, LEFT)
    with qtbot.waitSignal(jobs.ended, timeout=15000) as ended:
        viewer.close()
    assert ended.args[0].outcome in ("cancelled", "finished")


def test_closing_the_dock_keeps_the_result(qtbot, opened, viewer):
    _run(qtbot, opened)
    viewer.window.remove_dock_widget(opened)
    opened.close()
    opened.deleteLater()
    again = SegmentDock(viewer)
    viewer.window.add_dock_widget(again, name="Segment again")
    assert _heads(again.table)[1:] == ["Original", "Oracle", "Unlearned"]
    viewer.dims.ndisplay = 3
    assert again.view.solid.isChecked()


def test_labels_are_written_onto_the_grid_of_the_subjects_own_file(qtbot, opened, tmp_path):
    path = tmp_path / "truth.nii.gz"
    with qtbot.waitSignal(opened.segmenting.jobs.ended, timeout=LONG):
        opened.segmenting.export_labels("Ground truth", path)
    assert opened.panel.status.text() == f"{path} is written."
    source = nibabel.load(opened.segmenting.opened.files.labels)
    written = nibabel.load(path)
    np.testing.assert_allclose(written.affine, source.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(source.dataobj))


def test_the_exported_table_can_be_read(qtbot, opened, tmp_path):
    export_table(opened.segmenting.labelled, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["Model"] for row in rows} == {"Ground truth"}
    assert all(float(row["Volume [ml]"]) > 0 for row in rows)


def test_the_one_in_view_is_found_by_its_layer(qtbot, dock, viewer, samples):
    with pytest.raises(Exception, match="No layer in view"):
        dock.segmenting.open_in_view()
    viewer.open_sample("napari-unlearn", "head")
    assert [model.role for model in dock.segmenting.models] == ["original", "oracle", "unlearned"]
    assert dock.models.table.rowCount() == 3
    assert dock.subject.currentText() == "head-0200"
    assert len(viewer.layers) == 4
    with qtbot.waitSignal(dock.segmenting.jobs.ended, timeout=LONG):
        dock.segmenting.open_in_view()
    assert dock.segmenting.opened.subject.subject == "head-0200"


def test_the_sample_needs_no_viewer(samples):
    layers = open_head()
    assert [kind for _, _, kind in layers] == ["image", "image", "image", "labels"]
