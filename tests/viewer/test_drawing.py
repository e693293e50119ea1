from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.drawn_layer import COLOUR, Drawn
from napari_unlearn.viewer.session import session_of
from tests.viewer.mouse import drag, painted, press, spot

BOX = Drawn(np.array([(1, 10, 10), (1, 10, 30), (1, 20, 30), (1, 20, 10)], float), "rectangle")
LINE = Drawn(np.array([(2, 5, 5), (2, 5, 45)], float), "line")


@pytest.fixture
def session(make_napari_viewer, comparison):
    session = session_of(make_napari_viewer())
    session._on_compared(comparison)
    return session


def _tiles(session):
    return [*session.tiles.upper, *session.tiles.lower]


def _alike(session):
    """Whether every tile shows the very same drawings."""
    shown = [
        [np.round(each, 3).tolist() for each in layer.data] for layer in session.drawing.layers
    ]
    return len(shown) == len(_tiles(session)) and all(each == shown[0] for each in shown)


def test_as_long_as_nobody_draws_there_is_nothing_to_draw_on(session):
    assert session.drawing.layers == ()
    assert len(session.viewer.layers) == 2 * len(_tiles(session))


def test_a_box_dragged_over_one_tile_lies_over_all(qtbot, reading, shown):
    session = reading.session
    qtbot.mouseClick(reading.looking.tools["rectangle"], Qt.MouseButton.LeftButton)
    qtbot.wait(50)
    third = session.tiles.upper[2].image
    drag(
        qtbot,
        shown,
        spot(shown, third, 14, 12),
        spot(shown, third, 20, 20),
        spot(shown, third, 26, 28),
    )
    qtbot.waitUntil(lambda: len(session.drawing.regions) == 1)
    (region,) = session.drawing.regions
    mask = region.mask((64, 64))
    rows, columns = np.nonzero(mask)
    assert region.slice == 1
    assert (rows.min(), rows.max()) == pytest.approx((14, 26), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((12, 28), abs=1)
    assert mask[15:26, 13:28].all()
    assert _alike(session)
    grid = shown.canvas.grid
    assert grid.actual_shape(shown.layers) == (2, 4)
    for place, tile in enumerate(_tiles(session)):
        for layer in (tile.image, tile.outlines, session.drawing.layers[place]):
            assert grid.position(shown.layers.index(layer), shown.layers) == divmod(place, 4)


def test_a_region_may_have_any_shape(qtbot, reading, shown):
    session = reading.session
    press(qtbot, shown, Qt.Key.Key_G)
    assert session.drawing.tool == "freehand"
    qtbot.wait(50)
    image = session.tiles.upper[1].image
    turn = np.linspace(0, 2 * np.pi, 24)
    places = [spot(shown, image, 32 + 15 * np.sin(t), 32 + 15 * np.cos(t)) for t in turn]
    drag(qtbot, shown, *places)
    qtbot.waitUntil(lambda: len(session.drawing.regions) == 1)
    inside = session.drawing.regions[0].mask((64, 64))
    rows, columns = np.mgrid[:64, :64]
    distance = np.hypot(rows - 32, columns - 32)
    assert inside[distance < 12].all()
    assert not inside[distance > 17].any()
    press(qtbot, shown, Qt.Key.Key_G)
    assert session.drawing.tool is None


def test_drawings_are_painted_in_every_tile_and_again_after_a_pair(qtbot, reading, shown):
    session = reading.session
    session.drawing.add(BOX)
    session.pair.show("wipe")
    qtbot.waitUntil(lambda: sum(layer.visible for layer in session.drawing.layers) == 1)
    session.pair.leave()
    qtbot.waitUntil(lambda: all(layer.visible for layer in session.drawing.layers))
    colour = np.array([int(COLOUR[i : i + 2], 16) for i in (1, 3, 5)])
    places = [spot(shown, tile.image, 20, 15) for tile in _tiles(session)]
    for around in painted(shown, places):
        assert np.abs(around - colour).max(axis=-1).min() < 60
    shown.dims.set_current_step(0, 2)
    for around in painted(shown, places):
        assert np.abs(around - colour).max(axis=-1).min() > 60, "it lies on slice 1 alone"


def test_drawings_stay_on_their_slice(session):
    session.drawing.add(BOX)
    session.drawing.add(LINE)
    session.viewer.dims.set_current_step(0, 2)
    session.viewer.dims.set_current_step(0, 1)
    assert [region.slice for region in session.drawing.regions] == [1]
    assert [(line.slice, line.number) for line in session.drawing.lines] == [(2, 2)]
    assert _alike(session)


def test_a_click_is_no_region(qtbot, reading, shown):
    session = reading.session
    press(qtbot, shown, Qt.Key.Key_J)
    qtbot.wait(50)
    place = spot(shown, session.tiles.upper[1].image, 20, 20)
    with qtbot.waitSignal(session.drawing.changed, timeout=2000):
        drag(qtbot, shown, place, place)
    assert session.drawing.regions == ()
    assert all(layer.nshapes == 0 for layer in session.drawing.layers)


def test_what_is_deleted_in_one_tile_is_gone_from_all(qtbot, session):
    session.drawing.add(BOX)
    session.drawing.add(LINE)
    layer = session.drawing.layers[3]
    layer.selected_data = {0}
    with qtbot.waitSignal(session.drawing.changed, timeout=2000):
        layer.remove_selected()
    assert session.drawing.regions == ()
    assert session.drawing.lines[0].number == 1
    assert _alike(session)


def test_drawings_follow_another_layout_of_tiles(qtbot, session, comparison):
    session.drawing.add(BOX)
    before = session.drawing.regions
    session._on_compared(replace(comparison, arms=comparison.arms[:2]))
    qtbot.waitUntil(lambda: len(session.drawing.layers) == 6)
    assert session.drawing.regions == before
    assert _alike(session)
    assert session.viewer.canvas.grid.actual_shape(session.viewer.layers) == (2, 3)


def test_drawings_leave_the_canvas_with_the_tiles_and_come_back(qtbot, session, comparison):
    session.drawing.add(BOX)
    session.tiles.put_away()
    qtbot.waitUntil(lambda: not session.drawing.layers)
    assert list(session.viewer.layers) == []
    session.tiles.show(comparison)
    qtbot.waitUntil(lambda: len(session.drawing.layers) == 8)
    assert _alike(session)
    assert session.drawing.layers[0].nshapes == 1


def test_drawing_again_and_again_adds_no_layers(session):
    session.drawing.add(BOX)
    count = len(session.viewer.layers)
    for _ in range(3):
        session.drawing.take("ellipse")
        session.drawing.take("line")
        session.drawing.add(LINE)
        session.drawing.remove_last()
    assert len(session.viewer.layers) == count


def test_another_scan_begins_without_drawings(session, header):
    from napari_unlearn.mri.scan import MemoryScan
    from napari_unlearn.viewer.tasks import Opened

    session.drawing.add(BOX)
    truth = np.zeros((3, 64, 64), np.float32)
    kspace = np.zeros((3, 2, 64, 64), np.complex64)
    session._on_opened(Opened(MemoryScan(header, kspace, truth), truth))
    assert session.drawing.regions == ()


def test_without_tiles_there_is_nothing_to_draw_on(make_napari_viewer):
    session = session_of(make_napari_viewer())
    with pytest.raises(UnlearnError, match="run a comparison first"):
        session.drawing.take("freehand")


def test_an_ellipse_is_measured_as_one():
    box = np.array([(0, 10, 10), (0, 10, 30), (0, 20, 30), (0, 20, 10)], float)
    ellipse = Drawn(box, "ellipse")
    assert ellipse.size == pytest.approx(np.pi * 10 * 5, rel=0.01)
    assert Drawn(box, "rectangle").size == 200
    assert ellipse.named(4).number == 4
    assert ellipse.named(4).mask((64, 64)).sum() == pytest.approx(np.pi * 10 * 5, rel=0.1)
    assert LINE.size == 40
