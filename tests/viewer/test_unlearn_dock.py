"""The dock as a user drives it: a real window, real clicks, real runs in their own process."""

import os
import shutil

import pytest
from qtpy.QtCore import Qt

from napari_unlearn import __version__
from napari_unlearn.cancel import CancelToken
from napari_unlearn.simulation import sample_experiment
from napari_unlearn.unlearning.events import Started
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.samples import SAMPLES, sample_folder
from napari_unlearn.viewer.studies import listing_strategies, reading
from napari_unlearn.viewer.unlearn_dock import UnlearnDock

LEFT = Qt.MouseButton.LeftButton
LONG = 60_000  # milliseconds: other work may share the machine


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The sample experiment, one subject per set."""
    cache = tmp_path_factory.mktemp("cache")
    folder = cache / "napari-unlearn" / f"sample-experiment-{__version__}"
    for _ in sample_experiment(folder, sample_folder() / SAMPLES[0].protocol, scale=0.01):
        pass
    return cache


@pytest.fixture
def cache(drawn, tmp_path, monkeypatch):
    copy = tmp_path / "cache"
    shutil.copytree(drawn, copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(copy))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return copy


@pytest.fixture
def folder(cache):
    return next((cache / "napari-unlearn").iterdir())


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot, folder):
    """A dock on the sample experiment with its scan open; read here, to save two processes."""
    widget = UnlearnDock(viewer)
    viewer.window.add_dock_widget(widget, name="Unlearn")
    training, token = widget.training, CancelToken()
    training._on_strategies(*listing_strategies(token))
    training._on_looked(*reading(folder, token))
    with qtbot.waitSignal(widget.session.jobs.ended, timeout=LONG):
        widget.session.open(training.study.scan)
    widget.budget.amount.setValue(200)
    return widget


def _idle(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=LONG)


def _start(qtbot, dock, steps=1):
    qtbot.mouseClick(dock.panel.start, LEFT)
    qtbot.waitUntil(lambda: dock.training.log.step >= steps or dock.training.log.over, timeout=LONG)
    assert not dock.training.log.over, dock.training.log.message
    return dock.training.log


def _alive(dock):
    """Only Start can be clicked, and it can."""
    panel = dock.panel
    buttons = (panel.start, panel.pause, panel.stop, panel.abort)
    return [button.isEnabled() for button in buttons] == [True, False, False, False]


@pytest.mark.long
def test_a_run_is_watched_paused_stopped_and_kept(qtbot, viewer, cache, folder):
    compare = CompareDock(viewer)
    viewer.window.add_dock_widget(compare, name="Compare")
    dock = UnlearnDock(viewer)
    viewer.window.add_dock_widget(dock, name="Unlearn")
    training, session = dock.training, dock.session
    assert not dock.panel.start.isEnabled()
    with qtbot.waitSignal(session.compared, timeout=LONG):
        qtbot.mouseClick(dock.samples["site"], LEFT)
    qtbot.waitUntil(dock.panel.start.isEnabled, timeout=LONG)
    _idle(qtbot, dock)
    assert dock.sets.forget.text.text() == "<b>Forget</b><br>1 scan<br>2 slices"
    assert not dock.sets.forget.pictures[0].pixmap().isNull()
    assert "trial steps" in dock.budget.estimate.text()
    dock.budget.amount.setValue(400)

    log = _start(qtbot, dock, steps=2)
    first = log.preview.copy()
    qtbot.waitUntil(lambda: (log.preview != first).any() and len(log.epochs) > 1, timeout=LONG)
    tile = session.tiles.live.image
    index = log.order.preview[1]
    assert (tile.data[index] == log.preview).all()
    assert tile.contrast_limits == session.tiles.upper[0].image.contrast_limits
    dock.curves.draw()
    assert len(dock.curves.loss.listDataItems()[0].getData()[0]) == len(log.losses) > 1
    oracle = training.study.figures["oracle"]["site_test_psnr"]
    lines = {item.value() for item in dock.curves.quality.items if hasattr(item, "value")}
    assert oracle in lines

    qtbot.mouseClick(dock.panel.pause, LEFT)
    qtbot.waitUntil(lambda: log.state == "paused", timeout=LONG)
    assert dock.panel.pause.text() == "Resume"
    with qtbot.assertNotEmitted(training.moved, wait=700):
        paused_at = log.step
    qtbot.mouseClick(dock.panel.pause, LEFT)
    qtbot.waitUntil(lambda: log.step > paused_at, timeout=LONG)

    with qtbot.waitSignal(session.compared, timeout=LONG):
        qtbot.mouseClick(dock.panel.stop, LEFT)
    assert log.state == "kept"
    assert "the model so far is kept" in dock.panel.status.text()
    checkpoint = folder / "runs" / "acquired-lines" / "checkpoint.safetensors"
    assert checkpoint.is_file()
    assert session.models[-1].path == checkpoint
    assert session.tiles.upper[-1].image.name.startswith("acquired-lines · ")
    metrics = compare.findings.metrics
    assert metrics.item(metrics.rowCount() - 1, 0).text() == "acquired-lines"
    _idle(qtbot, dock)
    assert _alive(dock)

    final = session.tiles.upper[-1].image.data
    dock.scrubber.slider.setValue(0)
    shown = session.tiles.upper[-1].image
    assert (shown.data[index] == log.previews[0]).all()
    assert shown.name == "acquired-lines · epoch 0"
    assert "Before the first step" in dock.scrubber.text.text()
    dock.scrubber.slider.setValue(dock.scrubber.slider.maximum())
    assert shown.data is final


@pytest.mark.long
def test_abort_keeps_nothing_and_the_queue_goes_on(qtbot, dock, folder):
    log = _start(qtbot, dock)
    dock.strategy.chooser.setCurrentIndex(dock.strategy.chooser.findData("ft"))
    dock.budget.amount.setValue(1)
    qtbot.mouseClick(dock.panel.start, LEFT)
    assert [order.run_name for order in dock.training.queue] == ["ft"]
    assert dock.queue.count() == 1
    with qtbot.waitSignal(dock.training.ended, timeout=LONG):
        qtbot.mouseClick(dock.panel.abort, LEFT)
    assert log.state == "aborted"
    assert not (folder / "runs" / "acquired-lines" / "checkpoint.safetensors").exists()
    assert dock.training.log.name == "ft"
    _idle(qtbot, dock)
    assert dock.training.log.state == "finished"
    assert (folder / "runs" / "ft" / "checkpoint.safetensors").is_file()
    assert [model.name for model in dock.session.models] == ["ft"]


@pytest.mark.long
def test_a_run_that_fails_inside_leaves_one_sentence_and_living_buttons(qtbot, dock, folder):
    tiles = len(dock.session.tiles.upper)

    def lose_the_data(event):
        if isinstance(event, Started):
            for path in (folder / "data" / "forget").iterdir():
                path.unlink()

    dock.training.moved.connect(lose_the_data)
    with qtbot.waitSignal(dock.training.ended, timeout=LONG):
        qtbot.mouseClick(dock.panel.start, LEFT)
    text = dock.panel.status.text()
    assert dock.training.log.state == "failed"
    assert "brain_2400.h5" in text
    assert "\n" not in text
    assert text.count(". ") == 0
    assert _alive(dock)
    assert len(dock.session.tiles.upper) <= max(tiles, 1)
    _idle(qtbot, dock)


@pytest.mark.long
def test_closing_the_dock_keeps_the_run_and_its_curves(qtbot, dock, viewer):
    log = _start(qtbot, dock, steps=3)
    viewer.window.remove_dock_widget(dock)
    dock.close()
    dock.deleteLater()
    at = log.step
    qtbot.waitUntil(lambda: log.step > at, timeout=LONG)
    again = UnlearnDock(viewer)
    viewer.window.add_dock_widget(again, name="Unlearn again")
    assert again.training.log is log
    assert len(again.curves.loss.listDataItems()[0].getData()[0]) == len(log.losses) > 1
    assert again.panel.stop.isEnabled()
    assert again.strategy.card is not None
    assert again.sets.forget.text.text().startswith("<b>Forget</b>")
    with qtbot.waitSignal(again.training.ended, timeout=LONG):
        qtbot.mouseClick(again.panel.abort, LEFT)
    assert _alive(again)
    _idle(qtbot, again)


def test_a_wrong_experiment_file_is_one_sentence(qtbot, viewer, tmp_path):
    dock = UnlearnDock(viewer)
    viewer.window.add_dock_widget(dock, name="Unlearn")
    wrong = tmp_path / "experiment.toml"
    wrong.write_text('name = "x"\n[data]\nretain = ["a"]\n')
    dock.path.setText(str(wrong))
    with qtbot.waitSignal(dock.training.looking.ended, timeout=LONG):
        qtbot.keyClick(dock.path, Qt.Key.Key_Return)
    assert "key 'data.forget' is missing" in dock.panel.status.text()
    assert not dock.panel.start.isEnabled()
    assert dock.path.isEnabled()


def test_the_pyqtgraph_of_the_curves_uses_the_binding_of_napari(qtbot, dock):
    import pyqtgraph
    import qtpy

    dock.curves.prepare()
    assert pyqtgraph.Qt.QT_LIB == qtpy.API_NAME == os.environ["PYQTGRAPH_QT_LIB"]
