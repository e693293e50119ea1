import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.tasks import Model
from tests.viewer.mouse import press


@pytest.fixture
def dock(make_napari_viewer, qtbot, sample):
    viewer = make_napari_viewer()
    widget = CompareDock(viewer)
    viewer.window.add_dock_widget(widget, name="Compare")
    with qtbot.waitSignal(widget.session.jobs.ended, timeout=20000):
        widget.open_scan(sample / "brain_site_b.h5")
    place = sample / "contaminated-site"
    widget.session.set_models(
        tuple(
            Model(role.capitalize(), role, place / f"{role}.safetensors")
            for role in ("original", "oracle", "unlearned")
        )
    )
    with qtbot.waitSignal(widget.session.compared, timeout=60000):
        widget.session.compare()
    return widget


def test_another_acceleration_runs_all_models_again(qtbot, dock):
    sampling, form = dock.looking.sampling, dock.settings
    before = int(dock.session.comparison.mask.sum())
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        sampling.acceleration.setValue(form.acceleration.findData(8))
    assert dock.session.settings.acceleration == 8
    assert form.acceleration.currentText() == sampling.acceleration_text.text() == "× 8"
    assert int(dock.session.comparison.mask.sum()) < before
    assert len(dock.session.comparison.arms) == 3


def test_the_centre_fraction_too_and_by_key(qtbot, dock):
    sampling = dock.looking.sampling
    assert not sampling.fraction.isEnabled(), "as trained: the card decides"
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        for _ in range(dock.settings.acceleration.findData(4)):
            press(qtbot, dock.session.viewer, Qt.Key.Key_Up)
    assert dock.session.settings.acceleration == 4
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        sampling.fraction.setValue(15)
    assert dock.session.comparison.mask[27:37].all(), "15 % of 64 columns"
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        press(qtbot, dock.session.viewer, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert sampling.fraction.value() == 16
    assert dock.session.settings.center_fraction == pytest.approx(0.16)


def test_a_run_in_flight_is_cancelled_for_the_next(qtbot, dock):
    sampling, jobs = dock.looking.sampling, dock.session.jobs
    ends, titles = [], []
    jobs.ended.connect(lambda end: ends.append(end.outcome))
    jobs.started.connect(titles.append)
    with qtbot.waitSignal(jobs.started, timeout=5000):
        sampling.acceleration.setValue(3)
    sampling._soon.setInterval(0)
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        sampling.acceleration.setValue(dock.settings.acceleration.findData(8))
    qtbot.waitUntil(lambda: not jobs.running)
    assert ends[0] == "cancelled"
    assert ends[-1] == "finished"
    assert titles == ["Comparing", "Comparing"]
    assert dock.session.settings.acceleration == 8


def test_many_moves_are_one_run(qtbot, dock):
    titles = []
    dock.session.jobs.started.connect(titles.append)
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        for place in range(1, 6):
            dock.looking.sampling.acceleration.setValue(place)
    assert titles == ["Comparing"]


def test_the_last_pictures_stay_until_there_are_new_ones(qtbot, dock):
    tiles = dock.session.tiles
    last = [tile.image.data.copy() for tile in tiles.upper]
    dock.session.compare(keep=True)
    for tile, data in zip(tiles.upper, last, strict=True):
        np.testing.assert_array_equal(tile.image.data, data)
    qtbot.waitUntil(lambda: not dock.session.jobs.running, timeout=60000)
    dock.session.compare()
    assert tiles.upper[1].image.data.max() == 0
    qtbot.waitUntil(lambda: not dock.session.jobs.running, timeout=60000)


def test_another_job_is_left_alone(qtbot, dock):
    import time

    def learning(token):
        for _ in range(20):
            time.sleep(0.05)
            yield None

    ends = []
    dock.session.jobs.ended.connect(lambda end: ends.append(end.outcome))
    dock.session.jobs.start("Unlearning", learning)
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        dock.looking.sampling.acceleration.setValue(2)
    assert ends[0] == "finished"
