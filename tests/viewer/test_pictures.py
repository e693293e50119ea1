from dataclasses import replace

import numpy as np

from napari_unlearn.viewer.pictures import finished, round_limit, waiting


def test_captions_carry_the_figures_and_differ(comparison):
    board = finished(comparison)
    captions = [picture.caption for picture in (*board.upper, *board.lower)]
    assert captions[:2] == ["Ground truth", "Original · 31.3 dB · 0.89"]
    assert len(set(captions)) == len(captions) == 8


def test_error_maps_share_one_round_scale(comparison):
    maps = finished(comparison).lower[1:]
    assert {picture.limits for picture in maps} == {(0.0, 0.4)}


def test_change_is_signed_unlearned_minus_original(comparison):
    change = finished(comparison).lower[0]
    assert change.caption == "Unlearned − Original"
    assert change.image[1, 20, 20] < 0 < change.image[1, 20, 44]
    assert change.image[1, 44, 44] == 0


def test_verdict_counts_regions_in_words(comparison):
    upper = finished(comparison).upper
    assert upper[1].verdict == "2 false: ○ 1 removed  □ 1 remaining"
    assert upper[2].verdict == "○ 2 removed"
    assert upper[3].verdict == "○ 1 removed  □ 1 remaining  ◇ 1 new"


def test_without_a_reference_there_is_one_row_and_no_verdict(without_reference):
    board = finished(without_reference)
    assert len(board.upper) == 4
    assert board.upper[-1].caption == "Disagreement of 3 models"
    assert board.lower == ()
    assert all(picture.verdict == "" for picture in board.upper)


def test_an_arm_that_is_the_reference_is_shown_once(comparison):
    oracle = replace(comparison.arms[1], errors=None, quality=None)
    judged = replace(
        comparison,
        reference=oracle.images,
        reference_name="Oracle",
        arms=(comparison.arms[0], oracle, comparison.arms[2]),
    )
    captions = [picture.caption for picture in finished(judged).upper]
    assert [caption.split(" · ")[0] for caption in captions] == ["Oracle", "Original", "Unlearned"]


def test_metadata_say_where_an_image_comes_from(comparison):
    metadata = finished(comparison).upper[1].metadata
    assert metadata["file"] == "scan.h5"
    assert metadata["slices"] == 3
    assert metadata["model"] == "original.safetensors"
    assert metadata["mask"].sum() == 32


def test_waiting_tiles_are_black_and_may_be_written_into(header):
    reference = np.ones((3, 64, 64), np.float32)
    board = waiting(header, reference, "Ground truth", ["A", "B"])
    assert len(board.upper) == len(board.lower) == 3
    assert not np.shares_memory(board.upper[1].image, board.upper[2].image)
    assert board.upper[1].image.max() == 0


def mapped(comparison, mode="null-space"):
    """The same comparison with maps of another mode in place of the error maps."""
    made = tuple(replace(arm, hallucinations=2 * arm.images) for arm in comparison.arms)
    return replace(comparison, mode=mode, arms=made)


def test_lower_tiles_show_the_map_under_its_title_and_unit(comparison):
    made = mapped(comparison)
    lower = finished(made).lower[1:]
    assert [picture.caption for picture in lower] == [
        "Original null-space map [max]",
        "Oracle null-space map [max]",
        "Unlearned null-space map [max]",
    ]
    for picture, arm in zip(lower, made.arms, strict=True):
        assert picture.image is arm.hallucinations


def test_the_change_keeps_its_own_scale_beside_another_map(comparison):
    made = mapped(comparison)
    change, *maps = finished(made).lower
    assert {picture.limits for picture in maps} == {(0.0, 2.0)}
    assert change.limits == finished(comparison).lower[0].limits


def test_an_arm_that_others_are_set_against_has_a_black_map(comparison):
    made = mapped(comparison)
    oracle = replace(made.arms[1], hallucinations=None, regions=(), highlights=None)
    lower = finished(replace(made, arms=(made.arms[0], oracle, made.arms[2]))).lower
    assert lower[2].image.max() == 0
    assert lower[1].image.max() > 0


def test_without_a_reference_maps_that_need_none_have_a_row(without_reference):
    board = finished(mapped(without_reference, "measurement"))
    assert [len(board.upper), len(board.lower)] == [3, 3]
    assert board.lower[0].caption == "Original measurement map [max]"
    assert {picture.content for picture in board.lower} == {"error"}


def test_waiting_tiles_are_named_after_the_map_to_come(header, comparison):
    reference = np.ones((3, 64, 64), np.float32)
    board = waiting(header, reference, "Ground truth", ["A"], mode="sfrc")
    assert board.lower[1].caption == "A sFRC [1 − f/Nyquist]"
    alone = waiting(header, None, "", ["A", "B"], mode="measurement")
    assert [len(alone.upper), len(alone.lower)] == [2, 2]
    single = waiting(header, None, "", ["A", "B"], mode="null-space")
    assert single.lower == ()
    before = mapped(comparison)
    again = waiting(header, reference, "Ground truth", ["Original"], before, mode="error")
    assert again.lower[1].caption == "Original null-space map [max]"
    assert again.lower[1].image is before.arms[0].hallucinations


def test_limits_of_maps_are_round_however_large():
    assert [round_limit(value) for value in (0.01, 0.45, 0.9, 1.2, 7.3)] == [0.02, 0.5, 1, 2, 8]
