import numpy as np
import pytest
from qtpy.QtGui import QColor

from napari_unlearn.viewer.live_overlay import LiveOverlay, _image


def test_pixels_take_the_colours_of_their_values():
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 0], colours[:, 3] = np.arange(256), 255
    image = _image(np.array([[0.0, 0.5, 1.0]], np.float32), colours)
    assert [QColor(image.pixel(column, 0)).red() for column in range(3)] == [0, 128, 255]


def test_a_viewer_without_a_window_has_no_overlay():
    from napari.components import ViewerModel

    assert LiveOverlay.over(ViewerModel()) is None


@pytest.fixture
def overlay(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_image(
        np.zeros((2, 8, 4), np.float32), contrast_limits=(0, 1), scale=(5, 2, 2)
    )
    layer.data[1] = 1.0
    viewer.dims.set_current_step(0, 1)
    made = LiveOverlay.over(viewer)
    made.put(layer, 1)
    return viewer, layer, made


def test_the_picture_lies_where_its_layer_is(overlay):
    viewer, layer, made = overlay
    viewer.window._qt_viewer.canvas.native.resize(400, 300)
    viewer.scene.camera.zoom = 10
    viewer.scene.camera.center = (0, 7, 3)
    made.put(layer, 1)
    picture = made.grab().toImage()
    ratio = picture.width() / made.width()
    middle = picture.pixelColor(round(200 * ratio), round(150 * ratio))
    outside = picture.pixelColor(round(20 * ratio), round(150 * ratio))
    assert middle.red() == 255
    assert outside.red() < 255


def test_other_slices_stay_as_the_canvas_draws_them(overlay):
    viewer, layer, made = overlay
    with_picture = made.grab().toImage()
    viewer.dims.set_current_step(0, 0)
    assert made.grab().toImage() != with_picture


def test_cleared_it_is_gone_and_the_layer_shows_its_data(overlay):
    viewer, layer, made = overlay
    assert not made.isHidden()
    made.clear()
    assert made.isHidden()
    assert (layer._slice.image.raw == 1.0).all()
