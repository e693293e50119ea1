"""Disagreement, figures and what the table writes, on labels made by hand."""

import csv
import io

import numpy as np
import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled
from napari_unlearn.viewer.segment_pictures import LabelPicture, board_of
from napari_unlearn.viewer.segment_result import EXTRA, MISSING, OTHER, disagreement
from napari_unlearn.viewer.segment_table import FIGURES, SegmentTable, as_csv
from napari_unlearn.viewer.segment_tasks import judge
from tests.viewer.segment_samples import SHAPE, handmade_models, handmade_result, handmade_subject

MILLILITRES = 5 * 2 * 2 / 1000


@pytest.fixture
def labelled(tmp_path):
    return handmade_result(tmp_path)


def test_disagreement_has_three_kinds():
    reference = np.array([[[0, 1, 1, 2]]], np.uint8)
    labels = np.array([[[1, 0, 1, 1]]], np.uint8)
    assert disagreement(labels, reference).tolist() == [[[EXTRA, MISSING, 0, OTHER]]]


def test_disagreement_about_one_structure_knows_only_missing_and_extra():
    reference = np.array([[[0, 1, 1, 2]]], np.uint8)
    labels = np.array([[[1, 0, 1, 1]]], np.uint8)
    assert disagreement(labels, reference, only=1).tolist() == [[[EXTRA, MISSING, 0, EXTRA]]]


def test_figures_of_a_model_that_misses_a_structure(labelled):
    oracle = labelled.oracle
    assert oracle.figures[6].dice == 0
    assert oracle.figures[6].volume == 0
    assert oracle.figures[1].dice == 1
    assert oracle.figures[1].volume == pytest.approx(48 * MILLILITRES)
    assert oracle.like_oracle == 1


def test_what_the_truth_has_not_has_no_dice_and_counts_in_the_volume(labelled):
    unlearned = labelled.arms[2]
    assert unlearned.figures[4].dice is None
    assert unlearned.figures[4].volume == pytest.approx(4 * MILLILITRES)
    # 48 voxels of grey matter are equal, 8 and 4 others are not
    assert unlearned.like_oracle == pytest.approx(48 / 60)


def test_without_truth_there_are_volumes_and_the_oracle(tmp_path):
    labelled = handmade_result(tmp_path, handmade_subject(labelled=False))
    original = labelled.arms[0]
    assert labelled.truth is None
    assert original.figures[1].dice is None
    assert original.figures[1].oracle_dice == 1
    assert original.mean_dice is None


def test_a_structure_is_largest_where_the_truth_has_most_of_it(labelled):
    assert labelled.largest_slice(1) == 2
    assert labelled.largest_slice(6) == 1
    assert labelled.largest_slice(4) == 0  # only a model has it
    assert labelled.largest_slice(9) is None


def test_judging_can_be_cancelled(tmp_path):
    token = CancelToken()
    token.cancel()
    made = [(model, handmade_subject().labels) for model in handmade_models(tmp_path)]
    with pytest.raises(Cancelled):
        judge(handmade_subject(), made, token)


def test_tiles_hold_the_truth_the_models_and_one_that_learns(labelled):
    live = LabelPicture("ft", np.ones(SHAPE, np.uint8), "step 3")
    pictures = board_of(labelled, live=live).pictures
    captions = [picture.caption for picture in pictures]
    assert captions[:2] == ["Ground truth", "Original · Dice 1.00"]
    assert captions[-1] == "ft · step 3"
    assert pictures[0].against is None
    assert pictures[1].against is labelled.oracle.labels
    assert pictures[2].against is None


def test_a_model_that_waits_keeps_the_labels_it_had_while_it_learnt(labelled):
    live = LabelPicture("ft", np.ones(SHAPE, np.uint8), "step 3")
    pictures = board_of(labelled, ("Original", "ft", "new"), live).pictures
    assert [picture.name for picture in pictures] == ["Ground truth", "Original", "ft", "new"]
    assert pictures[2] is live
    assert not pictures[3].labels.any()


def _cells(table, row):
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_the_table_shows_one_figure_of_all_models(qtbot, labelled):
    table = SegmentTable()
    qtbot.addWidget(table)
    table.show_labelled(labelled)
    heads = [table.horizontalHeaderItem(place).text() for place in range(table.columnCount())]
    assert heads == ["Structure", "Original", "Oracle", "Unlearned"]
    assert _cells(table, 0) == ["grey matter", "1.00", "1.00", "1.00"]
    assert _cells(table, 3) == ["ventricles", "1.00", "0.00", "0.00"]
    assert _cells(table, 4) == ["mean", "1.00", "0.50", "0.50"]
    assert _cells(table, 5) == ["like oracle", "86 %", "", "80 %"]
    table.show_figure(FIGURES[2])
    assert _cells(table, 3) == ["ventricles", "+0.2", "+0.2", "+0.0"]
    table.show_figure(FIGURES[1])
    assert table.horizontalHeaderItem(1).text() == "Truth"
    assert _cells(table, 4)[0] == "total"


def test_a_click_shows_a_structure_and_a_second_one_shows_all(qtbot, labelled):
    table = SegmentTable()
    qtbot.addWidget(table)
    table.show_labelled(labelled)
    with qtbot.waitSignal(table.chosen) as chosen:
        table.cellClicked.emit(3, 0)
    assert chosen.args == [6]
    with qtbot.waitSignal(table.chosen) as chosen:
        table.cellClicked.emit(3, 1)
    assert chosen.args == [None]


def test_the_csv_holds_every_figure_of_every_model(labelled):
    rows = list(csv.DictReader(io.StringIO(as_csv(labelled))))
    assert len(rows) == 4 * 4
    row = next(
        row for row in rows if row["Structure"] == "ventricles" and row["Model"] == "Unlearned"
    )
    assert row["Role"] == "unlearned"
    assert float(row["Dice"]) == 0
    assert float(row["Volume [ml]"]) == 0
    truth = next(row for row in rows if row["Role"] == "truth" and row["Label"] == "6")
    assert float(truth["Volume [ml]"]) == pytest.approx(8 * MILLILITRES)
