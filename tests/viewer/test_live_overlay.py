import numpy as np
import pytest
from qtpy.QtGui import QColor, QGuiApplication
from qtpy.QtWidgets import QWidget

from napari_unlearn.viewer.live_overlay import LiveOverlay, _image, give_own_window


def test_pixels_take_the_colours_of_their_values():
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 0], colours[:, 3] = np.arange(256), 255
    image = _image(np.array([[0.0, 0.5, 1.0]], np.float32), colours)
    assert [QColor(image.pixel(column, 0)).red() for column in range(3)] == [0, 128, 255]


def test_a_viewer_without_a_window_has_no_overlay():
    from napari.components import ViewerModel

    assert LiveOverlay.over(ViewerModel()) is None


@pytest.fixture
def overlay(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    images = np.zeros((2, 8, 4), np.float32)
    layer = viewer.add_image(images, contrast_limits=(0, 1), scale=(5, 2, 2))
    qtbot.wait(100)  # the camera is set by the first draw
    viewer.dims.set_current_step(0, 1)
    images[1] = 1.0
    made = LiveOverlay.over(viewer)
    made.put(layer, 1)
    return viewer, layer, made


def _white(overlay, share):
    """Whether it paints white on half its height, this share of its width from the left."""
    picture = overlay.grab().toImage()
    place = round(share * (picture.width() - 1)), picture.height() // 2
    return picture.pixelColor(*place) == QColor("white")


def test_the_picture_lies_where_its_layer_is_and_follows_the_camera(overlay, qtbot):
    viewer, _, made = overlay
    assert _white(made, 0.5)
    assert not _white(made, 0.02)  # the image is twice as high as wide
    viewer.scene.camera.center = (0, 7, 300)
    qtbot.wait(100)
    assert not _white(made, 0.5)


def test_other_slices_stay_as_the_canvas_draws_them(overlay):
    viewer, _, made = overlay
    viewer.dims.set_current_step(0, 0)
    assert not _white(made, 0.5)


def test_cleared_it_is_gone_and_the_layer_shows_its_data(overlay):
    _, layer, made = overlay
    assert not made.isHidden()
    made.clear()
    assert made.isHidden()
    assert (layer._slice.image.raw == 1.0).all()


def test_the_canvas_alone_gets_a_native_window(make_napari_viewer):
    if QGuiApplication.platformName() != "xcb":
        pytest.skip("other window systems are left as they are")
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    give_own_window(viewer)
    native = [each for each in window.findChildren(QWidget) if each.windowHandle() is not None]
    assert native == [viewer.window._qt_viewer.canvas.native]
