"""Programs that are there before the canvas is painted."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_unlearn.viewer import layout
from napari_unlearn.viewer.rehearsal import _undrawn, rehearsing


def _image():
    values = np.linspace(0, 1, 192, dtype=np.float32).reshape(3, 8, 8)
    return Image(values, contrast_limits=(0, 1), name="picture")


def _to_be_written(viewer):
    return list(_undrawn(viewer.window._qt_viewer.canvas._scene_canvas.scene))


def test_a_rehearsal_writes_the_programs_of_what_is_visible(shown):
    layer = _image()
    layer.visible = False  # the window may be painted as sliders come
    shown.layers.append(layer)
    layer.visible = True
    before = len(_to_be_written(shown))
    assert before >= 1
    steps = list(rehearsing(shown))
    assert steps == [False] * 2 * before + [True]
    assert _to_be_written(shown) == []
    steps = rehearsing(shown, layer.name_overlay)
    assert next(steps) is False
    assert layer.name_overlay.visible
    assert len(_to_be_written(shown)) >= 2  # letters and what lies behind them
    assert list(steps)[-1] is True
    left = _to_be_written(shown)  # a line without width is never drawn
    assert all(part._prepare_draw(view=part) is False for part in left)


def test_without_a_window_there_is_nothing_to_rehearse():
    viewer = ViewerModel()
    layer = viewer.add_layer(_image())
    assert list(rehearsing(viewer, layer.name_overlay)) == [False]
    assert layer.name_overlay.visible


def test_a_picture_that_came_in_steps_has_sliders_and_its_controls_once(shown):
    window = shown.window._qt_viewer
    for _ in layout.inserting(shown, [_image()]):
        pass
    layer = shown.layers["picture"]
    assert window.dims.isVisible()
    assert window.dims.nsliders == 3
    assert window.controls.widgets[layer] is window.controls.currentWidget()
    assert window.controls.count() == 2  # with what is there without layers
    shown.layers.append(_image())  # napari's own insertion makes controls as ever
    assert window.controls.count() == 3
    shown.layers.clear()
    assert window.controls.count() == 1
