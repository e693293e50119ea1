import dataclasses

import pytest

from napari_unlearn.evaluation.subject_tables import (
    figures_of,
    format_subjects,
    over_seeds,
    structure_table,
    subject_table,
)
from tests.evaluation.subjects import result, structure, subject, whole


def seed(forget=0.62):
    return [
        whole("original", 0.90, 0.88, 0.67, agreement=0.68, auc=0.9, passes=1120.0, mae=0.03),
        whole("oracle", 0.92, 0.64, 0.65, agreement=None, auc=0.45, passes=1000.0),
        whole("loss-match@50", 0.891, forget, agreement=0.7, auc=0.6, passes=50.0),
    ]


def test_a_row_by_hand():
    results = seed()
    cells = figures_of(results[2], results)
    assert {key: cell.value for key, cell in cells.items() if cell} == pytest.approx(
        {
            "retain_dice": 0.891, "forget_dice": 0.62, "unseen_dice": 0.6,
            "retain_dice_sound": 0.941, "forget_dice_sound": 0.67, "unseen_dice_sound": 0.65,
            "retain_mae": 0.03, "forget_mae": 0.05, "unseen_mae": 0.05,
            "dice_gap": 0.271, "mae_gap": 0.02, "retained": 99.0,
            "oracle_gap": -0.02, "oracle_gap_sound": -0.02, "agreement": 0.7,
            "auc": 0.6, "auc_gap": 0.15, "passes": 5.0, "seconds": 12.5,
        }
    )  # fmt: skip


def test_the_oracle_has_no_gap_to_itself_and_the_originals_is_what_it_remembers():
    results = seed()
    assert {"oracle_gap", "agreement", "auc_gap"}.isdisjoint(figures_of(results[1], results))
    assert figures_of(results[0], results)["oracle_gap"].value == pytest.approx(0.24)


def test_without_an_oracle_the_papers_columns_remain():
    alone = seed()[2:]
    text = subject_table(over_seeds([alone])).markdown()
    assert "Dice gap" in text
    assert "oracle" not in text


def test_the_attacks_interval_stands_in_the_table_of_one_seed_only():
    attack = dataclasses.replace(
        seed()[2].membership, members=("f", "g"), pairs=((0.6, 0.6), (0.4, 0.4))
    )
    results = [*seed()[:2], dataclasses.replace(seed()[2], membership=attack)]
    assert "| 0.50 [0.40, 0.60] |" in subject_table(over_seeds([results])).markdown()
    assert "| 0.50 ± 0.00 |" in subject_table(over_seeds([results, results])).markdown()


def test_seeds_are_averaged_and_counted_where_they_have_the_run():
    table = subject_table(over_seeds([seed(0.60), seed(0.64), seed()[:2]]))
    row = next(line for line in table.markdown().splitlines() if "50 | 2 |" in line)
    assert row.startswith("| Match the loss on unseen subjects | 50 | 2 | 0.891 ± 0.000 | 0.620 ± ")


def test_structures_stand_in_the_order_of_their_labels_with_the_truth_first():
    results = seed()
    grid = structure_table(results, "forget", "volume")
    assert [c.title for c in grid.columns] == ["cortical grey matter", "white-matter lesions"]
    assert grid.rows[0].labels == ("Truth", "")
    assert [cell.value for cell in grid.rows[0].cells.values()] == [4.0, 0.0]


def test_a_volume_is_a_mean_over_all_subjects_dice_over_those_who_have_the_structure():
    stem = structure(8, "brain stem", dice=0.4, hd95=7.0, volume=2.0)
    own = result(
        "oracle",
        [subject("forget", "a", 0.5, structures=[stem]), subject("forget", "b", 0.5)],
    )
    cells = {
        key: structure_table([own], "forget", key).rows[-1].cells["brain stem"].value
        for key in ("dice", "hd95", "volume")
    }
    assert cells == {"dice": 0.4, "hd95": 7.0, "volume": 1.0}


def test_an_invented_structure_has_a_volume_but_no_dice():
    text = format_subjects(seed())
    assert "Volume [ml], forget subjects:" in text
    dice = structure_table(seed(), "forget", "dice").rows[0].cells
    assert dice["white-matter lesions"] is None
