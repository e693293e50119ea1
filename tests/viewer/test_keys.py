from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Shapes
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt

from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.key_help import markdown
from napari_unlearn.viewer.keys import KEYS
from tests.viewer.mouse import canvas, press

SHIFT = Qt.KeyboardModifier.ShiftModifier
OURS = [key for group in KEYS.values() for key in group if key.act is not None]


def test_no_key_has_two_meanings():
    pressed = [str(coerce_keybinding(key.press)) for key in OURS]
    assert len(set(pressed)) == len(pressed)


@pytest.mark.parametrize("layer", [Image, Shapes])
def test_no_key_is_napari_s_own_for_a_layer_of_ours(layer, make_napari_viewer):
    make_napari_viewer()  # napari binds its keys with the first window
    taken = {str(each) for each in layer.class_keymap}
    assert not taken & {str(coerce_keybinding(key.press)) for key in OURS}


def test_every_key_is_bound(reading, shown):
    for key in OURS:
        assert coerce_keybinding(key.press) in shown.keymap, key.press


def test_the_documentation_has_the_same_table():
    text = (Path(__file__).parents[2] / "docs" / "looking.md").read_text(encoding="utf-8")
    assert markdown() in text


def test_keys_change_what_is_seen(qtbot, reading, shown):
    pair = reading.session.pair
    press(qtbot, shown, Qt.Key.Key_Q)
    assert pair.mode == "flicker"
    rate = pair.flicker.rate
    press(qtbot, shown, Qt.Key.Key_BracketRight)
    assert pair.flicker.rate > rate
    press(qtbot, shown, Qt.Key.Key_BracketLeft)
    press(qtbot, shown, Qt.Key.Key_BracketLeft)
    assert pair.flicker.rate < rate
    press(qtbot, shown, Qt.Key.Key_W)
    assert pair.mode == "wipe"
    press(qtbot, shown, Qt.Key.Key_BracketRight)
    assert pair.wipe.edge == pytest.approx(0.55)
    press(qtbot, shown, Qt.Key.Key_M)
    assert (pair.pair.first, pair.pair.second) == ("Unlearned", "Original")
    press(qtbot, shown, Qt.Key.Key_N)
    assert pair.pair.second == "Oracle"
    press(qtbot, shown, Qt.Key.Key_N, SHIFT)
    assert pair.pair.first == "Ground truth"
    press(qtbot, shown, Qt.Key.Key_U)
    assert pair.mode == "difference"
    press(qtbot, shown, Qt.Key.Key_H)
    assert pair.mode is None
    assert shown.canvas.grid.enabled


def test_keys_draw(qtbot, reading, shown):
    drawing = reading.session.drawing
    for key, modifier, tool in (
        (Qt.Key.Key_G, Qt.KeyboardModifier.NoModifier, "freehand"),
        (Qt.Key.Key_G, SHIFT, "polygon"),
        (Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier, "ellipse"),
        (Qt.Key.Key_J, SHIFT, "rectangle"),
        (Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier, "line"),
    ):
        press(qtbot, shown, key, modifier)
        assert drawing.tool == tool
        assert [t for t, button in reading.looking.tools.items() if button.isChecked()] == [tool]
    assert reading.pages.currentIndex() == 1
    press(qtbot, shown, Qt.Key.Key_K)
    assert drawing.tool is None


def test_keys_go_through_findings_slices_and_greys(qtbot, reading, shown):
    table = reading.findings.regions
    shown.dims.set_current_step(0, 0)
    press(qtbot, shown, Qt.Key.Key_Period)
    assert table.currentRow() == 0
    assert shown.dims.current_step[0] == 1
    press(qtbot, shown, Qt.Key.Key_Comma)
    assert table.currentRow() == table.rowCount() - 1
    zoom = shown.scene.camera.zoom
    press(qtbot, shown, Qt.Key.Key_Home)
    assert shown.scene.camera.zoom < zoom
    press(qtbot, shown, Qt.Key.Key_Right)
    assert shown.dims.current_step[0] == 2
    tiles = reading.session.tiles.upper
    high = tiles[0].image.contrast_limits[1]
    press(qtbot, shown, Qt.Key.Key_Equal)
    assert all(tile.image.contrast_limits[1] == pytest.approx(0.9 * high) for tile in tiles)
    press(qtbot, shown, Qt.Key.Key_O, SHIFT)
    assert not any(tile.outlines.visible for tile in tiles)
    before = reading.session.comparison.threshold
    with qtbot.waitSignal(reading.session.compared, timeout=2000):
        press(qtbot, shown, Qt.Key.Key_PageUp)
    assert reading.session.comparison.threshold > before


def test_a_finding_becomes_a_region_without_the_mouse(qtbot, reading, shown):
    press(qtbot, shown, Qt.Key.Key_B, SHIFT)
    assert "No finding" in reading.panel.status.text()
    press(qtbot, shown, Qt.Key.Key_Period)
    found = reading.findings.regions.seen
    press(qtbot, shown, Qt.Key.Key_B, SHIFT)
    (region,) = reading.session.drawing.regions
    rows, columns = np.nonzero(region.mask((64, 64)))
    assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == found.box
    assert region.slice == found.slice
    assert reading.looking.table.rowCount() == 4


def test_a_mistake_by_key_is_a_sentence(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    for key in (Qt.Key.Key_Q, Qt.Key.Key_G):
        dock.panel.say("")
        press(qtbot, viewer, key)
        assert "run a comparison first" in dock.panel.status.text()


def test_the_overlay_lists_every_key_and_goes_away(qtbot, reading, shown):
    press(qtbot, shown, Qt.Key.Key_F1)
    label = reading.help.label
    assert label.isVisible()
    for group in KEYS.values():
        for key in group:
            assert key.does.split(",")[0] in label.text()
    assert canvas(shown).rect().contains(label.geometry()), "nothing is cut off"
    press(qtbot, shown, Qt.Key.Key_F1)
    assert not label.isVisible()
    press(qtbot, shown, Qt.Key.Key_Slash)
    assert label.isVisible()
    qtbot.mouseClick(label, Qt.MouseButton.LeftButton)
    assert not label.isVisible()


def test_letters_pass_through_a_table_that_has_the_focus(qtbot, reading, shown):
    table = reading.findings.regions
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Q)
    assert reading.session.pair.mode == "flicker"
    reading.session.pair.leave()
    table.setCurrentCell(0, 0)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.currentRow() == 1


def test_a_dock_opened_later_takes_the_keys(qtbot, reading, shown):
    shown.window.remove_dock_widget(reading)
    again = CompareDock(shown)
    shown.window.add_dock_widget(again, name="Compare again")
    reading.close()
    with qtbot.waitSignal(reading.destroyed):
        reading.deleteLater()
    press(qtbot, shown, Qt.Key.Key_T, SHIFT)
    assert again.pages.currentIndex() == 1
