from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn.viewer.drawn_layer import Drawn
from napari_unlearn.viewer.session import session_of
from tests.viewer.mouse import LEFT, drag, painted, spot

BOX = Drawn(np.array([(1, 10, 10), (1, 10, 30), (1, 20, 30), (1, 20, 10)], float), "rectangle")


@pytest.fixture
def session(make_napari_viewer, comparison):
    session = session_of(make_napari_viewer())
    session._on_compared(comparison)
    session.viewer.dims.set_current_step(0, 1)
    return session


def _arm(comparison, name):
    return next(arm.images for arm in comparison.arms if arm.name == name)


def test_flicker_exchanges_the_pictures_at_its_rate(qtbot, session, comparison):
    pair = session.pair
    pair.flicker.set_rate(10)
    assert pair.flicker.interval == 50
    pair.show("flicker")
    turns = []
    pair.flicker.turned.connect(turns.append)
    seen = set()

    def both():
        names = ("Original", "Unlearned")
        seen.update(n for n in names if np.array_equal(pair.layer.data[1], _arm(comparison, n)[1]))
        return len(seen) == 2 and len(turns) >= 4

    qtbot.waitUntil(both, timeout=5000)
    assert turns[:4] in ([True, False, True, False], [False, True, False, True])
    assert pair.layer.name == ("B  Unlearned" if pair.flicker.second else "A  Original")


def test_the_rate_keeps_its_bounds(session):
    flicker = session.pair.flicker
    flicker.set_rate(0.01)
    assert (flicker.rate, flicker.interval) == (0.5, 1000)
    flicker.set_rate(100)
    assert (flicker.rate, flicker.interval) == (10, 50)


def test_no_mode_adds_more_than_one_layer(qtbot, session):
    tiles, pair = list(session.viewer.layers), session.pair
    pair.flicker.set_rate(10)
    for mode in ("flicker", "wipe", "difference", "flicker"):
        pair.show(mode)
        qtbot.wait(120)
        assert len(session.viewer.layers) == len(tiles) + 1
        assert [layer for layer in session.viewer.layers if layer.visible] == [pair.layer]
        assert not session.viewer.canvas.grid.enabled
    pair.leave()
    assert list(session.viewer.layers) == tiles
    assert all(layer.visible for layer in tiles)
    assert session.viewer.canvas.grid.enabled
    assert session.viewer.canvas.grid.actual_shape(session.viewer.layers) == (2, 4)
    assert not pair.flicker.running


def test_the_difference_is_a_signed_map_with_its_scale(session, comparison):
    session.pair.show("difference")
    layer = session.pair.layer
    apart = _arm(comparison, "Original")[1] - _arm(comparison, "Unlearned")[1]
    np.testing.assert_allclose(layer.data[1], apart, atol=1e-6)
    assert layer.contrast_limits[0] == -layer.contrast_limits[1]
    assert layer.colorbar.visible
    assert layer.name == "Original − Unlearned"
    session.pair.exchange()
    np.testing.assert_allclose(layer.data[1], -apart, atol=1e-6)


def test_the_slice_is_followed(session, comparison):
    session.pair.show("wipe")
    session.viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(
        session.pair.layer.data[2][:, 40], _arm(comparison, "Unlearned")[2][:, 40]
    )


def test_a_wipe_is_painted_and_its_edge_dragged(qtbot, reading, shown):
    pair = reading.session.pair
    qtbot.mouseClick(reading.looking.pair.buttons["wipe"], LEFT)
    qtbot.wait(50)
    assert pair.mode == "wipe"
    layer = pair.layer
    invented = spot(shown, layer, 20, 20)  # by the original, A, alone
    beside = spot(shown, layer, 50, 20)
    with_a = np.subtract(*(around.mean() for around in painted(shown, (invented, beside))))
    camera = tuple(shown.scene.camera.center)
    drag(
        qtbot,
        shown,
        spot(shown, layer, 50, 31),
        spot(shown, layer, 50, 20),
        spot(shown, layer, 50, 7.5),
    )
    assert pair.wipe.edge == pytest.approx(8 / 64, abs=1 / 64)
    assert tuple(shown.scene.camera.center) == camera, "the image stays where it is"
    qtbot.wait(50)
    with_b = np.subtract(*(around.mean() for around in painted(shown, (invented, beside))))
    assert with_a > 60
    assert abs(with_b) < 15


def test_a_drag_far_from_the_edge_moves_the_image(qtbot, reading, shown):
    pair = reading.session.pair
    pair.show("wipe")
    qtbot.wait(50)
    camera = tuple(shown.scene.camera.center)
    layer = pair.layer
    drag(qtbot, shown, spot(shown, layer, 50, 8), spot(shown, layer, 40, 12))
    assert pair.wipe.edge == 0.5
    assert tuple(shown.scene.camera.center) != camera


def test_one_window_and_level_for_tiles_and_pair(session):
    session.tiles.upper[1].image.contrast_limits = (0.1, 0.5)
    session.pair.show("flicker")
    assert tuple(session.pair.layer.contrast_limits) == pytest.approx((0.1, 0.5))
    session.pair.layer.contrast_limits = (0.2, 0.6)
    session.pair.show("difference")
    session.pair.show("wipe")
    assert tuple(session.pair.layer.contrast_limits) == pytest.approx((0.2, 0.6))
    session.pair.leave()
    for tile in session.tiles.upper:
        assert tuple(tile.image.contrast_limits) == pytest.approx((0.2, 0.6))


def test_closing_the_dock_stops_the_flicker_and_brings_the_tiles_back(qtbot, reading, shown):
    session = reading.session
    session.pair.show("flicker")
    assert session.pair.flicker.running
    shown.window.remove_dock_widget(reading)
    assert not session.pair.flicker.running
    assert shown.canvas.grid.enabled
    reading.close()
    reading.deleteLater()


def test_closing_the_window_stops_the_flicker(qtbot, reading, shown):
    session = reading.session
    session.pair.flicker.set_rate(10)
    session.drawing.add(BOX)
    session.pair.show("flicker")
    shown.close()
    qtbot.waitUntil(lambda: not session.pair.flicker.running, timeout=2000)


def test_whoever_takes_the_canvas_ends_the_flicker(qtbot, session, comparison):
    session.pair.show("flicker")
    session.tiles.put_away()  # as the Segment dock has it done
    qtbot.waitUntil(lambda: session.pair.mode is None)
    assert not session.pair.flicker.running
    assert list(session.viewer.layers) == []
    session.tiles.show(comparison)
    session.pair.show("flicker")
    session._on_compared(replace(comparison, arms=comparison.arms[:2]))
    qtbot.waitUntil(lambda: session.pair.mode is None)
    assert not session.pair.flicker.running
    assert session.viewer.canvas.grid.actual_shape(session.viewer.layers) == (2, 3)
    assert all(layer.visible for layer in session.viewer.layers)


def test_a_new_comparison_of_the_same_models_is_shown_at_once(session, comparison):
    session.pair.show("flicker")
    arms = tuple(replace(arm, images=arm.images * 0.5) for arm in comparison.arms)
    session._on_compared(replace(comparison, arms=arms))
    assert session.pair.mode == "flicker"
    assert np.array_equal(session.pair.layer.data[1], arms[0].images[1]) or np.array_equal(
        session.pair.layer.data[1], arms[2].images[1]
    )


def test_outlines_hidden_meanwhile_stay_hidden(session):
    session.pair.show("wipe")
    session.tiles.set_outlines_visible(False)
    session.pair.leave()
    assert not any(tile.outlines.visible for tile in session.tiles.upper)
    session.pair.show("wipe")
    session.tiles.set_outlines_visible(True)
    assert not any(tile.outlines.visible for tile in session.tiles.upper)
    session.pair.leave()
    assert all(tile.outlines.visible for tile in session.tiles.upper)


def test_what_was_drawn_lies_over_the_pair_once(qtbot, session):
    session.drawing.add(BOX)
    session.pair.show("wipe")
    qtbot.waitUntil(lambda: sum(layer.visible for layer in session.drawing.layers) == 1)
    layers = session.viewer.layers
    assert layers.index(session.drawing.layers[0]) > layers.index(session.pair.layer)
    session.pair.leave()
    qtbot.waitUntil(lambda: all(layer.visible for layer in session.drawing.layers))
    assert session.viewer.canvas.grid.actual_shape(layers) == (2, 4)


def test_the_panel_names_pictures_and_mode(qtbot, reading):
    panel, pair = reading.looking.pair, reading.session.pair
    names = [panel.first.itemText(place) for place in range(panel.first.count())]
    assert names == ["Ground truth", "Original", "Oracle", "Unlearned"]
    assert (panel.first.currentText(), panel.second.currentText()) == ("Original", "Unlearned")
    qtbot.mouseClick(panel.buttons["flicker"], LEFT)
    assert [mode for mode, button in panel.buttons.items() if button.isChecked()] == ["flicker"]
    panel.second.setFocus()
    qtbot.keyClick(panel.second, Qt.Key.Key_Up)
    assert pair.pair.second == "Oracle"
    panel.rate.setValue(40)
    assert pair.flicker.rate == 4
    assert panel.rate_text.text() == "4.0 Hz"
    qtbot.mouseClick(panel.buttons[None], LEFT)
    assert pair.mode is None
    assert [mode for mode, button in panel.buttons.items() if button.isChecked()] == [None]
