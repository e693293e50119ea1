"""Outlines that are redrawn without a new program."""

import numpy as np
import pytest
from napari.layers import Image, Shapes

from napari_unlearn.viewer import layout
from napari_unlearn.viewer.tiles import Tiles


@pytest.fixture
def outlines(shown, qtbot):
    layers = [Image(np.zeros((3, 32, 32)), contrast_limits=(0, 1)), Shapes(ndim=3)]
    layout.lay_out(shown, (), [layers], (1, 1))
    shown.reset_view()
    qtbot.wait(100)
    return layers[1]


def _path(index):
    return np.array([[index, 4, 4], [index, 4, 20], [index, 20, 20]], float)


def test_other_shapes_need_no_other_program_and_are_to_be_seen(shown, outlines, qtbot):
    visual = shown.window._qt_viewer.canvas.layer_to_visual[outlines].node
    shown.dims.set_current_step(0, 1)
    outlines.add(_path(1), shape_type="path", edge_color="red", edge_width=2)
    qtbot.wait(100)
    (program,) = visual.shape_faces.shared_program
    built = []
    program._build, build = lambda: (built.append(1), build())[1], program._build
    shown.dims.set_current_step(0, 2)
    qtbot.wait(100)
    shown.dims.set_current_step(0, 1)
    qtbot.wait(100)
    picture = shown.screenshot(canvas_only=True, flash=False)
    assert not built
    red = (picture[..., 0] > 150) & (picture[..., 1:3] < 60).all(axis=-1)
    assert red.sum() > 50


def test_many_layers_go_at_once(make_napari_viewer, comparison):
    viewer = make_napari_viewer()
    tiles = Tiles(viewer)
    tiles.show(comparison)
    mine = viewer.add_image(np.zeros((4, 4)), name="mine")
    tiles.put_away()
    assert list(viewer.layers) == [mine]
    tiles.show(comparison)
    assert len(viewer.layers) == 1 + 2 * len((*tiles.upper, *tiles.lower))
