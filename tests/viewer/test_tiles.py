from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.viewer.live_tile import LiveTile
from napari_unlearn.viewer.marks import COLOURS
from napari_unlearn.viewer.tiles import Tiles


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def _rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_every_tile_has_the_same_number_of_layers_and_its_own_cell(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    grid = viewer.canvas.grid
    assert grid.enabled
    assert grid.actual_shape(viewer.layers) == (2, 4)
    assert len(viewer.layers) == 8 * len(tiles.upper[0].layers)
    for column, tile in enumerate(tiles.upper):
        for layer in (tile.image, tile.outlines):
            assert grid.position(viewer.layers.index(layer), viewer.layers) == (0, column)
    for column, tile in enumerate(tiles.lower):
        assert grid.position(viewer.layers.index(tile.image), viewer.layers) == (1, column)


def test_hidden_outlines_leave_no_empty_cell(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    tiles.set_outlines_visible(False)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (2, 4)
    index = viewer.layers.index(tiles.lower[3].image)
    assert viewer.canvas.grid.position(index, viewer.layers) == (1, 3)


def test_hidden_outlines_stay_hidden_in_tiles_to_come(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.set_outlines_visible(False)
    tiles.show(comparison)
    assert not any(tile.outlines.visible for tile in (*tiles.upper, *tiles.lower))


def test_images_errors_and_geometry_are_the_comparisons(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    for arm, upper, lower in zip(comparison.arms, tiles.upper[1:], tiles.lower[1:], strict=True):
        np.testing.assert_array_equal(upper.image.data, arm.images)
        np.testing.assert_array_equal(lower.image.data, arm.errors)
    layer = tiles.upper[1].image
    assert layer.name == "Original · 31.3 dB · 0.89"
    assert tuple(layer.scale) == (5.0, 2.0, 2.0)
    assert {str(unit) for unit in layer.units} == {"millimeter"}
    assert layer.axis_labels == ("slice", "row", "column")
    assert layer.metadata["model"] == "original.safetensors"


def test_contrast_is_linked_within_a_row_only(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    tiles.upper[1].image.contrast_limits = (0.1, 0.5)
    assert [tuple(tile.image.contrast_limits) for tile in tiles.upper] == [(0.1, 0.5)] * 4
    assert tuple(tiles.lower[1].image.contrast_limits) == (0.0, 0.4)
    tiles.lower[2].image.contrast_limits = (0.0, 0.2)
    assert tuple(tiles.lower[1].image.contrast_limits) == (0.0, 0.2)


def test_a_second_comparison_keeps_the_layers(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    before = list(viewer.layers)
    tiles.show(highlight(comparison, 0.2))
    assert list(viewer.layers) == before


def test_slices_appear_as_they_are_finished(viewer, comparison):
    tiles = Tiles(viewer)
    names = [arm.name for arm in comparison.arms]
    tiles.prepare(comparison.header, comparison.reference, "Ground truth", names)
    tiles.show_slice(1, 2, comparison.arms[1].images[2])
    np.testing.assert_array_equal(tiles.upper[2].image.data[2], comparison.arms[1].images[2])
    assert tiles.upper[1].image.data.max() == 0
    assert tiles.upper[2].image.data[:2].max() == 0


def test_without_a_reference_there_is_one_row(viewer, without_reference):
    tiles = Tiles(viewer)
    tiles.show(without_reference)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 4)  # and their disagreement


def test_layers_of_others_do_not_take_a_cell(viewer, comparison):
    viewer.add_image(np.zeros((3, 64, 64)), name="mine")
    tiles = Tiles(viewer)
    tiles.show(comparison)
    grid = viewer.canvas.grid
    for place in (0, 1):  # images, and the outlines that belong to them
        layers = [tile.layers[place] for tile in tiles.upper]
        cells = [grid.position(viewer.layers.index(layer), viewer.layers) for layer in layers]
        assert cells == [(0, column) for column in range(4)]
    assert "mine" in viewer.layers


def test_threshold_changes_the_outlines(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    assert tiles.upper[3].outlines.nshapes == 2 * 3, "each has a shadow"
    tiles.mark(highlight(comparison, 0.5))
    assert tiles.upper[3].outlines.nshapes == 0
    assert tiles.upper[3].outlines.name.startswith("nothing highlighted")
    tiles.mark(comparison)
    assert tiles.upper[3].outlines.nshapes == 2 * 3


def test_focus_moves_slice_and_camera_and_fit_comes_back(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    viewer.dims.set_current_step(0, 0)
    camera = viewer.scene.camera
    whole = camera.zoom
    region = comparison.arms[0].regions[0]
    tiles.focus(region)
    assert viewer.dims.current_step[0] == region.slice == 1
    assert np.allclose(camera.center[1:], np.array(region.centre) * 2.0)
    assert camera.zoom > 1.5 * whole
    tiles.fit()
    assert camera.zoom == whole


def test_the_most_telling_slice_comes_up(viewer, comparison):
    tiles = Tiles(viewer)
    tiles.show(comparison)
    viewer.dims.set_current_step(0, 0)
    tiles.go_to_most_telling_slice(comparison)
    assert viewer.dims.current_step[0] == 1


def test_painted_tiles_show_captions_outlines_and_uncovered_images(shown, comparison, qtbot):
    viewer, tiles = shown, Tiles(shown)
    tiles.show(comparison)
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    viewer.dims.set_current_step(0, 1)
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    height, width = picture.shape[0] // 2, picture.shape[1] // 4

    def tile(row, column):
        return picture[row * height : (row + 1) * height, column * width : (column + 1) * width]

    def shows(cell, colour):
        return (np.abs(cell - _rgb(colour)).max(axis=-1) < 40).sum() > 20

    assert shows(tile(0, 1), COLOURS["removed"])
    assert shows(tile(0, 1), COLOURS["remaining"])
    assert not shows(tile(0, 1), COLOURS["introduced"])
    assert shows(tile(0, 3), COLOURS["introduced"])
    for row in range(2):
        for column in range(4):
            cell = tile(row, column)
            assert cell[6:30].max() > 150, "the caption is painted"
            assert cell[6:30, -8:].max() < 60, "and is not clipped at the right"
    bar = tile(1, 1)[-72:, -50:]
    assert bar.max() > 150, "the colour bar is painted"
    zoom = viewer.scene.camera.zoom
    centre = viewer.scene.camera.center
    bottom = height / 2 + (64 * 2.0 - centre[1]) * zoom
    assert bottom < height - 66, "below the image"


def test_tiles_of_other_content_are_made_anew(viewer, comparison, without_reference):
    tiles = Tiles(viewer)
    arms = tuple(replace(arm, hallucinations=arm.images) for arm in without_reference.arms)
    tiles.show(replace(without_reference, arms=arms, mode="measurement"))
    assert [len(tiles.upper), len(tiles.lower)] == [3, 3]
    assert tiles.lower[0].image.colormap.name == "inferno"
    tiles.lower[1].image.contrast_limits = (0.0, 0.3)
    assert tuple(tiles.lower[0].image.contrast_limits) == (0.0, 0.3)
    tiles.show(highlight(replace(comparison, arms=comparison.arms[:2]), 0.1))
    assert [len(tiles.upper), len(tiles.lower)] == [3, 3]
    assert tiles.lower[0].image.colormap.name == "darker to brighter"


def test_slices_find_their_tile_with_and_without_a_reference(viewer, header):
    tiles, image = Tiles(viewer), np.ones((64, 64), np.float32)
    tiles.prepare(header, None, "", ["A", "B"], mode="measurement")
    tiles.show_slice(0, 1, image)
    assert [tile.image.data[1].max() for tile in tiles.upper] == [1, 0]
    tiles.prepare(header, 0 * np.stack([image] * 3), "Ground truth", ["A", "B"])
    tiles.show_slice(0, 1, image)
    assert [tile.image.data[1].max() for tile in tiles.upper] == [0, 1, 0]


def test_maps_are_redrawn_on_the_slice_in_view_only(viewer, comparison):
    tiles, redrawn = Tiles(viewer), []
    tiles.show(comparison)
    viewer.dims.set_current_step(0, 1)
    tiles.lower[1].image.events.set_data.connect(lambda _: redrawn.append(True))
    tiles.refresh_maps(0)
    assert redrawn == []
    tiles.refresh_maps(1)
    assert redrawn != []


def test_a_grid_is_laid_out_in_turns_of_the_event_loop(shown, comparison, qtbot):
    tiles, turns = Tiles(shown), []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(len(shown.layers)))
    timer.start(0)
    tiles.show(comparison)
    assert tiles.busy
    assert not shown.layers
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    assert {2, 5, 11} < set(turns), "mouse and keys have their turn between two layers"
    assert shown.window._qt_viewer.canvas.native.updatesEnabled()
    assert len(shown.layers) == 16


def test_what_is_asked_for_meanwhile_comes_in_its_order(shown, comparison, qtbot):
    tiles = Tiles(shown)
    names = [arm.name for arm in comparison.arms]
    tiles.prepare(comparison.header, comparison.reference, "Ground truth", names)
    tiles.show_slice(1, 2, comparison.arms[1].images[2])
    qtbot.waitUntil(lambda: len(shown.layers) == 5, timeout=20000)
    tiles.show(highlight(comparison, 0.5))
    tiles.mark(comparison)
    tiles.go_to_most_telling_slice(comparison)
    tiles.set_outlines_visible(False)
    assert tiles.busy
    assert len(tiles.upper) == 4, "who asks for them waits until they are there"
    assert not tiles.busy
    assert tiles.upper[3].outlines.nshapes == 2 * 3
    assert tiles.upper[2].image.name.startswith("Oracle ·")
    assert shown.dims.current_step[0] == 1
    assert not any(tile.outlines.visible for tile in (*tiles.upper, *tiles.lower))


def test_a_live_tile_asked_for_before_models_run_gives_way_to_their_tiles(shown, comparison, qtbot):
    tiles, header = Tiles(shown), comparison.header
    tiles.show(highlight(replace(comparison, arms=comparison.arms[:2]), 0.1))
    live = LiveTile("Unlearned", header, 1, comparison.reference)
    tiles.show_live(live)
    names = [arm.name for arm in comparison.arms]
    tiles.prepare(header, comparison.reference, "Ground truth", names)
    tiles.show_slice(2, 1, comparison.arms[2].images[1])
    assert tiles.busy
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    assert [tile.image.name for tile in tiles.upper[1:]] == [f"{name} …" for name in names]
    np.testing.assert_array_equal(tiles.upper[3].image.data[1], comparison.arms[2].images[1])
    assert tiles.live is None


def test_a_window_may_close_while_its_tiles_are_laid_out(shown, comparison, qtbot):
    tiles = Tiles(shown)
    tiles.show(comparison)
    qtbot.waitUntil(lambda: len(shown.layers) == 5, timeout=20000)
    shown.close()
    qtbot.wait(100)
    assert not tiles.busy


def test_of_outlines_asked_for_in_a_row_the_last_are_drawn(shown, comparison, qtbot):
    tiles = Tiles(shown)
    tiles.show(comparison)
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    drawn = []
    tiles.upper[3].outlines.events.name.connect(lambda event: drawn.append(event.source.name))
    for threshold in (0.2, 0.3, 0.5):
        tiles.mark(highlight(comparison, threshold))
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    assert drawn
    assert all(name.startswith("nothing highlighted") for name in drawn), "none of 0.2 and 0.3"
