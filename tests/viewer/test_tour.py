"""The tour in a real window, on real scans and models, with seconds that are tenths."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.tasks import Opened
from napari_unlearn.viewer.tour_bar import TourBar
from napari_unlearn.viewer.tour_demo import add_tour
from napari_unlearn.viewer.tour_stage import TourStage
from napari_unlearn.viewer.tour_steps import TOUR, Near, Open, Show, Step, UnlearnLive

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
LONG = 60_000  # milliseconds: other work may share the machine
SHORT = 0.05
IDLE = 0.6


def _step(key, action, seconds=SHORT):
    return Step(key, key.capitalize(), f"About {key}", action, seconds)


STEPS = (
    _step("open", Open("brain")),
    _step("whole", Show(outlines=False)),
    _step("nowhere", Show(light=("No such tile",))),
    _step("oracle", Show(light=("Oracle",))),
)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def dock(viewer, sample, monkeypatch):
    monkeypatch.setenv("NAPARI_UNLEARN_SAMPLES", str(sample))
    widget = CompareDock(viewer)
    viewer.window.add_dock_widget(widget, name="Compare")
    return widget


@pytest.fixture
def make_tour(viewer, dock, qtbot):
    def make(steps=STEPS, idle=IDLE):
        tour = add_tour(viewer, dock, steps, idle=idle, flight=0)
        tour.entered.connect(entered.append)
        return tour, entered

    entered: list[int] = []
    yield make
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=LONG)


def _endless(steps=STEPS):
    """The last step stays, so that a test can look at it."""
    return (*steps[:-1], replace(steps[-1], seconds=1000.0))


def _play_to(qtbot, tour, entered, place):
    tour.begin()
    qtbot.waitUntil(lambda: bool(entered) and entered[-1] == place, timeout=LONG)


def test_it_walks_through_its_steps_and_begins_again(qtbot, dock, make_tour):
    tour, entered = make_tour()
    done: list[object] = []
    tour.left.connect(done.append)
    dock.session.compared.connect(lambda _: done.append("compared"))
    with qtbot.waitSignals([tour.lapped, tour.lapped], timeout=LONG):
        tour.begin()
    tour.give_way()
    assert entered[:6] == [0, 1, 3, 0, 1, 3], "the third finds nothing to show"
    assert done[:5] == ["compared", 0, 1, 3, "compared"], "no step ends before it has computed"


def test_captions_and_light_follow_the_step(qtbot, make_tour):
    tour, entered = make_tour(_endless())
    _play_to(qtbot, tour, entered, 3)
    assert (tour.bar.title.text(), tour.bar.text.text()) == ("Oracle", "About oracle")
    assert tour.bar.hint.text().startswith("4 of 4")
    assert tour.bar.button.isHidden()
    tour.give_way()
    assert tour.bar.title.text() == "Your turn"


def _press(widget):
    QApplication.postEvent(
        widget,
        QMouseEvent(QEvent.Type.MouseButtonPress, QPointF(5, 5), QPointF(5, 5), LEFT, LEFT, NONE),
    )


def _key(widget):
    QApplication.postEvent(widget, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Right, NONE))


@pytest.mark.parametrize("touch", [_press, _key])
def test_a_touch_takes_the_window_in_one_turn_of_the_event_loop(qtbot, dock, make_tour, touch):
    tour, entered = make_tour(_endless(), idle=1000.0)
    _play_to(qtbot, tour, entered, 3)
    light = tour._stage.light
    assert light.isVisible()
    touch(dock)
    assert tour.playing
    QApplication.processEvents()
    assert not tour.playing
    assert not light.isVisible(), "all tiles are bright for a visitor"
    before = len(entered)
    qtbot.wait(round(3000 * SHORT))
    assert len(entered) == before


def test_the_touch_itself_reaches_what_was_touched(qtbot, dock, make_tour):
    tour, entered = make_tour(_endless(), idle=1000.0)
    _play_to(qtbot, tour, entered, 3)
    dock.path.clear()
    qtbot.keyClicks(dock.path, "scan.h5")
    assert dock.path.text() == "scan.h5"
    assert not tour.playing


def test_a_touch_while_models_run_leaves_the_run_alone(qtbot, dock, make_tour):
    tour, _ = make_tour(idle=1000.0)
    tour.begin()
    assert dock.session.busy
    qtbot.mouseClick(dock, LEFT)
    assert not tour.playing
    with qtbot.waitSignal(dock.session.compared, timeout=LONG):
        pass


def test_untouched_it_goes_on_from_the_beginning_and_says_when(qtbot, dock, make_tour):
    tour, entered = make_tour(_endless())
    _play_to(qtbot, tour, entered, 3)
    qtbot.mouseClick(dock, LEFT)
    assert tour.bar.hint.text() == "untouched, the tour goes on in 1 s"
    assert tour.bar.button.isVisible()
    qtbot.waitUntil(lambda: tour.playing, timeout=LONG)
    assert entered[-1] == 0
    assert tour.bar.button.isHidden()


def test_every_touch_begins_the_wait_anew(qtbot, dock, make_tour):
    tour, entered = make_tour(_endless())
    _play_to(qtbot, tour, entered, 3)
    for _ in range(6):
        qtbot.mouseClick(dock, LEFT)
        qtbot.wait(round(1000 * IDLE / 3))
        assert not tour.playing


def test_it_waits_for_a_visitors_job(qtbot, dock, make_tour):
    tour, entered = make_tour(_endless())
    _play_to(qtbot, tour, entered, 3)
    scan = dock.session.opened.scan
    kspaces = np.stack([scan.kspace(index % 3) for index in range(300)])
    targets = np.stack([scan.target(index % 3) for index in range(300)])
    long = MemoryScan(replace(scan.header, slices=300), kspaces, targets)
    dock.session.opened = Opened(long, targets)
    qtbot.mouseClick(dock.panel.run, LEFT)
    qtbot.waitUntil(lambda: "when this is done" in tour.bar.hint.text(), timeout=LONG)
    assert dock.session.busy
    assert not tour.playing
    qtbot.mouseClick(dock.panel.cancel, LEFT)
    qtbot.waitUntil(lambda: tour.playing, timeout=LONG)


def test_its_button_calls_it_back_at_once(qtbot, make_tour):
    tour, entered = make_tour(_endless(), idle=1000.0)
    _play_to(qtbot, tour, entered, 3)
    tour.give_way()
    qtbot.mouseClick(tour.bar.button, LEFT)
    assert tour.playing
    assert entered[-1] == 0


def _moved(widget, by):
    start = QPointF(widget.mapToGlobal(widget.rect().center()))
    for position in (start, start + QPointF(by, 0)):
        QApplication.sendEvent(
            widget,
            QMouseEvent(
                QEvent.Type.MouseMove,
                QPointF(5, 5),
                position,
                Qt.MouseButton.NoButton,
                Qt.MouseButton.NoButton,
                NONE,
            ),
        )


@pytest.mark.parametrize(("by", "goes_on"), [(4, True), (40, False)])
def test_a_moved_mouse_is_a_touch_but_a_shaken_table_is_not(qtbot, dock, make_tour, by, goes_on):
    tour, entered = make_tour(_endless(), idle=1000.0)
    _play_to(qtbot, tour, entered, 3)
    tour._mouse = QPointF(dock.mapToGlobal(dock.rect().center()))
    _moved(dock, by)
    assert tour.playing is goes_on


@pytest.mark.parametrize("place", [0, 3])
def test_a_window_closed_in_the_middle_ends_the_tour(qtbot, viewer, dock, make_tour, place):
    tour, entered = make_tour(_endless())
    _play_to(qtbot, tour, entered, place)
    assert dock.session.busy is (place == 0)
    viewer.close()
    qtbot.waitUntil(lambda: not dock.session.busy, timeout=LONG)
    qtbot.wait(round(3000 * IDLE))
    assert entered[-1] == place, "nothing begins in a closed window"


def test_light_dims_all_columns_but_its_own(qtbot, viewer, dock, comparison):
    viewer.window.resize(1500, 1000)
    dock.session._on_compared(comparison)
    stage = TourStage(viewer, dock, flight=0)
    qtbot.waitUntil(lambda: not dock.session.tiles.busy, timeout=LONG)

    def brightness():
        qtbot.wait(200)
        picture = viewer.screenshot(canvas_only=False, flash=False)[..., :3].astype(float)
        canvas = viewer.window._qt_viewer.canvas.native
        corner = canvas.mapTo(canvas.window(), canvas.rect().topLeft())
        width = canvas.width() // 4
        rows = slice(corner.y() + 60, corner.y() + canvas.height() // 2)
        columns = [corner.x() + column * width for column in range(4)]
        return np.array([picture[rows, left : left + width].mean() for left in columns])

    bright = brightness()
    assert stage.perform(Show(light=("Oracle",)))
    assert stage.light.dimmed == ("Ground truth", "Original", "Unlearned")
    dim = brightness()
    assert dim[2] == pytest.approx(bright[2], rel=0.05)
    assert (dim[[0, 1, 3]] < 0.5 * bright[[0, 1, 3]]).all()
    stage.let_go()
    np.testing.assert_allclose(brightness(), bright, rtol=0.02)


def test_it_flies_to_a_region_and_marks_its_row(viewer, dock, comparison):
    dock.session._on_compared(comparison)
    stage = TourStage(viewer, dock, flight=0)
    camera = viewer.scene.camera
    assert stage.perform(Show())
    whole = camera.zoom
    assert stage.perform(Show(near=Near("Unlearned", "remaining")))
    region = next(r for r in comparison.arms[2].regions if r.kind == "remaining")
    assert np.allclose(camera.center[1:], np.array(region.centre) * 2.0)
    assert camera.zoom > whole
    [row] = {index.row() for index in dock.findings.regions.selectedIndexes()}
    assert dock.findings.regions.item(row, 0).text().endswith("remaining")
    assert not stage.perform(Show(near=Near("Oracle", "introduced"))), "it introduced nothing"
    assert stage.perform(Show(outlines=False))
    assert camera.zoom == whole
    assert not dock.session.tiles.upper[1].outlines.visible


def test_a_flight_ends_where_a_jump_would_and_stops_for_a_visitor(qtbot, viewer, dock, comparison):
    dock.session._on_compared(comparison)
    near = Show(near=Near("Unlearned", "remaining"))
    camera = viewer.scene.camera
    TourStage(viewer, dock, flight=0).perform(near)
    wanted = (tuple(camera.center), camera.zoom)
    stage = TourStage(viewer, dock, flight=150)
    assert stage.perform(Show())
    qtbot.waitUntil(lambda: stage._flight.state() == stage._flight.State.Stopped, timeout=LONG)
    whole = camera.zoom
    assert stage.perform(near)
    assert camera.zoom == pytest.approx(whole), "it starts from where it was"
    qtbot.waitUntil(lambda: (tuple(camera.center), camera.zoom) == wanted, timeout=LONG)
    assert stage.perform(Show())
    stage.let_go()
    stopped = camera.zoom
    qtbot.wait(300)
    assert camera.zoom == stopped


def test_without_an_offer_or_a_comparison_there_is_nothing_to_show(viewer, dock):
    stage = TourStage(viewer, dock)
    assert not stage.perform(UnlearnLive())
    assert not stage.perform(Show())


def test_every_caption_fits_and_its_letters_are_large(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    bar = TourBar(window)
    window.addToolBar(bar)
    window.resize(1600, 1000)
    window.show()
    qtbot.waitExposed(window)
    for place, step in enumerate(TOUR):
        bar.show_step(step, place, len(TOUR))
        QApplication.processEvents()
        for label in (bar.title, bar.text):
            assert label.sizeHint().width() <= label.width(), step.key
    bar.show_pause(45)
    QApplication.processEvents()
    assert bar.text.sizeHint().width() <= bar.text.width()
    assert bar.title.fontInfo().pixelSize() >= 40
    assert bar.text.fontInfo().pixelSize() >= 26
