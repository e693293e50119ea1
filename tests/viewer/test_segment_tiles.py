"""The grid of labels in a real window."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.viewer.segment_colours import OUTERMOST
from napari_unlearn.viewer.segment_layers import contrast_layers
from napari_unlearn.viewer.segment_pictures import LabelPicture, board_of
from napari_unlearn.viewer.segment_result import MISSING, OTHER
from napari_unlearn.viewer.session import session_of
from tests.viewer.segment_samples import VOXEL, handmade_result, handmade_subject


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def labelled(tmp_path):
    return handmade_result(tmp_path)


@pytest.fixture
def tiles(viewer, labelled):
    made = session_of(viewer).segmenting.tiles
    made.show(board_of(labelled))
    return made


def _cells(viewer):
    """Names of the layers in every cell of the grid."""
    layers = viewer.layers
    found = viewer.canvas.grid.iter_viewboxes(layers)
    return [[layers[place].name for place in places] for _, places in found if places]


def test_every_cell_holds_image_labels_and_disagreement(viewer, tiles):
    assert viewer.canvas.grid.enabled
    assert viewer.canvas.grid.stride == len(tiles.tiles[0].layers)
    assert _cells(viewer)[1] == ["Original · Dice 1.00", "Original labels"]
    tiles.apply(replace(tiles.look, disagreement=True))
    assert _cells(viewer)[1][2] == "Original disagreement"
    assert len(_cells(viewer)) == 4
    assert all(tuple(layer.scale) == VOXEL for layer in viewer.layers)


def test_layers_that_lay_there_before_do_not_shift_the_tiles(viewer, labelled):
    viewer.add_image(np.zeros((3, 4)), name="mine")
    session_of(viewer).segmenting.tiles.show(board_of(labelled))
    assert len(_cells(viewer)) == 4
    assert _cells(viewer)[0][1] == "Ground truth labels"
    assert "mine" in viewer.layers


def test_disagreement_is_with_the_oracle(tiles):
    tiles.apply(replace(tiles.look, disagreement=True))
    truth, original, oracle, unlearned = tiles.tiles
    assert [tile.disagreement.visible for tile in tiles.tiles] == [False, True, False, True]
    assert not np.asarray(oracle.disagreement.data).any()
    # The original has the ventricle that the oracle lacks, the unlearned model white matter there.
    assert set(np.unique(original.disagreement.data)) == {0, 2}
    tiles.apply(replace(tiles.look, only=6))
    kinds = np.asarray(original.disagreement.data)
    assert (kinds != 0).sum() == 8
    assert not np.asarray(unlearned.disagreement.data).any()
    assert MISSING not in kinds
    assert OTHER not in kinds
    assert truth.labels.visible


def test_one_structure_alone_in_all_tiles(tiles):
    tiles.apply(replace(tiles.look, only=6))
    for tile in tiles.tiles:
        assert tile.labels.colormap.map(np.array([6], np.uint8))[0, 3] == 1
        assert tile.labels.colormap.map(np.array([1], np.uint8))[0, 3] == 0
    tiles.apply(replace(tiles.look, only=None))
    assert tiles.tiles[0].labels.colormap.map(np.array([1], np.uint8))[0, 3] == 1


def test_opacity_outlines_and_contrast_reach_every_tile(tiles, labelled):
    tiles.apply(replace(tiles.look, opacity=0.3, contour=2, contrast=2))
    for tile in tiles.tiles:
        assert tile.labels.opacity == 0.3
        assert tile.labels.contour == 2
        np.testing.assert_array_equal(tile.image.data, labelled.subject.images[2])
        assert tile.image.metadata["channel"] == "FLAIR"


@pytest.mark.filterwarnings("error:Contours are not displayed")
def test_volumes_hide_images_and_the_outermost_layer_and_slices_come_back(viewer, tiles):
    tiles.apply(replace(tiles.look, contour=1))
    tiles.go_to(1)
    assert viewer.dims.point[0] == VOXEL[0]
    tiles.set_3d(True)
    for tile in tiles.tiles:
        assert [layer.visible for layer in tile.layers] == [False, True, False]
        assert tile.labels.contour == 0
        assert tile.labels.name_overlay.visible
        assert OUTERMOST not in [k for k in tile.labels.colormap.color_dict if k]
    assert len(_cells(viewer)) == 4
    tiles.set_3d(False)
    assert viewer.dims.point[0] == VOXEL[0]
    for tile in tiles.tiles:
        assert tile.image.visible
        assert tile.labels.contour == 1
        assert [layer.name_overlay.visible for layer in tile.layers] == [True, False, False]


def test_disagreement_in_3d_takes_the_place_of_labels_where_there_is_some(tiles):
    tiles.apply(replace(tiles.look, disagreement=True))
    tiles.set_3d(True)
    shown = [(tile.labels.visible, tile.disagreement.visible) for tile in tiles.tiles]
    assert shown == [(True, False), (False, True), (True, False), (False, True)]


def test_a_second_result_reuses_the_layers(viewer, tiles, labelled, tmp_path):
    before = list(viewer.layers)
    again = handmade_result(tmp_path, labelled.subject)
    tiles.show(board_of(again))
    assert list(viewer.layers) == before
    assert tiles.tiles[1].labels.data is again.arms[0].labels


def test_compare_and_segment_give_each_other_the_canvas(viewer, tiles, labelled, comparison):
    session = session_of(viewer)
    session.tiles.show(comparison)
    assert not tiles.tiles
    assert len(_cells(viewer)) == 8
    session.segmenting.tiles.show(board_of(labelled))
    assert len(_cells(viewer)) == 4
    assert not session.tiles.upper


def test_a_sample_is_a_layer_per_contrast_of_which_the_first_is_seen(viewer):
    subject = handmade_subject()
    for data, options, kind in contrast_layers(subject):
        getattr(viewer, f"add_{kind}")(data, **options)
    assert [layer.name for layer in viewer.layers] == [
        "anna T1",
        "anna T1-IR",
        "anna FLAIR",
        "anna labels",
    ]
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    assert viewer.layers["anna FLAIR"].metadata["channel"] == "FLAIR"


def test_in_a_window_volumes_come_in_turns_and_what_is_asked_for_follows(shown, labelled, qtbot):
    tiles, board = session_of(shown).segmenting.tiles, board_of(labelled)
    tiles.show(board)
    assert tiles.busy
    assert not shown.layers
    name = board.pictures[1].name
    blank = np.zeros(labelled.subject.shape, np.uint8)
    tiles.put(name, LabelPicture(name, blank, "asked for"))
    tiles.go_to(1)
    qtbot.waitUntil(lambda: not tiles.busy, timeout=20000)
    assert len(_cells(shown)) == 4
    assert tiles.tile(name).labels.data is blank
    assert shown.dims.point[0] == VOXEL[0]
    assert shown.window._qt_viewer.canvas.native.updatesEnabled()
