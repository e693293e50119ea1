"""A mouse and a keyboard over the canvas of a real viewer."""

from qtpy.QtCore import QPoint, Qt

LEFT = Qt.MouseButton.LeftButton


def canvas(viewer):
    return viewer.window._qt_viewer.canvas.native


def spot(viewer, layer, row, column):
    """Where the centre of a pixel of a layer lies on the canvas."""
    node = viewer.window._qt_viewer.canvas.layer_to_visual[layer].node
    x, y, _, w = node.get_transform("visual", "canvas").map([column + 0.5, row + 0.5])
    return QPoint(round(x / w), round(y / w))


def drag(qtbot, viewer, start, *places):
    """Press, move from place to place, release; napari listens to a move every 5 ms."""
    native = canvas(viewer)
    qtbot.mousePress(native, LEFT, pos=start)
    for place in places:
        qtbot.mouseMove(native, place)
        qtbot.wait(20)
    qtbot.mouseRelease(native, LEFT, pos=places[-1])
    qtbot.wait(20)


def press(qtbot, viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(canvas(viewer), key, modifier)


def painted(viewer, places):
    """Red, green, blue of the canvas as it is painted, 5 x 5 pixels around each place."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    scale = picture.shape[0] / canvas(viewer).height()
    spots = [(round(place.y() * scale), round(place.x() * scale)) for place in places]
    return [picture[row - 2 : row + 3, column - 2 : column + 3] for row, column in spots]
