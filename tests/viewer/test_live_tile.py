import numpy as np

from napari_unlearn.viewer import pictures
from napari_unlearn.viewer.live_tile import LiveTile


def test_a_live_tile_joins_the_board_under_its_limits(comparison):
    board = pictures.finished(comparison)
    live = LiveTile("nl-ft", comparison.header, 1, comparison.reference)
    live.put(comparison.arms[0].images[1], "step 3")
    joined = live.join(board)
    assert (len(joined.upper), len(joined.lower)) == (len(board.upper) + 1, len(board.lower) + 1)
    assert joined.upper[-1].limits == board.upper[0].limits
    assert joined.lower[-1].limits == board.lower[-1].limits
    assert joined.upper[-1].caption == "nl-ft · step 3"
    np.testing.assert_array_equal(live.errors[1], comparison.arms[0].errors[1])
    assert not live.images[0].any()


def test_it_stays_away_from_another_scan(comparison, header):
    from dataclasses import replace

    live = LiveTile("nl-ft", replace(header, name="another"), 1, comparison.reference)
    board = pictures.finished(comparison)
    assert live.join(board) is board


def test_after_a_run_other_slices_keep_the_model_that_was_kept(comparison):
    arm = comparison.arms[2]
    past = LiveTile.after(arm, comparison, 1)
    past.put(np.zeros_like(arm.images[1]), "epoch 0")
    np.testing.assert_array_equal(past.images[0], arm.images[0])
    assert not past.images[1].any()
    assert arm.images[1].any(), "the arm itself is untouched"
