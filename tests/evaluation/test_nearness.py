import dataclasses

import pytest

from napari_unlearn.evaluation.grid import Cell
from napari_unlearn.evaluation.nearness import (
    comparison_table,
    mean_over_seeds,
    nearness,
    nearness_table,
    over_seeds,
    seeds_nearer,
)
from napari_unlearn.evaluation.relearn import Relearned
from tests.evaluation.paper import flat, run

NEVER = (0.5,) * 3


def relearnt(result, *ssim):
    return dataclasses.replace(
        result, relearned=Relearned(tuple(range(0, 2 * len(ssim), 2)), ssim, 0.6)
    )


def seed(ours_knee=17.2, nl_knee=16.0):
    def whole(name, brain, knee, *ssim, steps=100, agreement=20.0, **extra):
        sets = {"retain_test": flat(*brain), "forget_test": flat(*knee), "forget": flat(40, 0.99)}
        made = run(name, sets, steps=steps, seconds=9.0, agreement=agreement)
        metrics = {**made.card.metrics, **extra}
        card = made.card.model_copy(update={"metrics": metrics})
        return relearnt(dataclasses.replace(made, card=card), *ssim)

    return [
        whole("original", (29.4, 0.93), (23.0, 0.80), 0.8, agreement=18.0),
        whole("oracle", (29.8, 0.94), (17.0, 0.52), 0.5, 0.55, 0.65, steps=1000),
        whole("nl-ft", (29.0, 0.93), (nl_knee, 0.60), *NEVER, agreement=14.0),
        whole("zero-filled", (29.5, 0.93), (ours_knee, 0.53), 0.5, 0.65, preparation_passes=20.0),
        whole("nl-ft@0.05", (20.0, 0.5), (10.0, 0.1), 0.1),
    ]


def test_a_row_by_hand():
    results = seed()
    cells = {key: cell.value for key, cell in nearness(results[3], results).items()}
    assert cells == pytest.approx(
        {
            "retain_psnr": 29.5, "retain_ssim": 0.93, "forget_psnr": 17.2, "forget_ssim": 0.53,
            "gap_retain_psnr": 0.3, "gap_forget_psnr": 0.2, "gap_psnr": 0.5,
            "gap_retain_ssim": 0.01, "gap_forget_ssim": 0.01, "gap_ssim": 0.02,
            "agreement": 20.0, "relearn": 4 / 3, "relearn_ratio": (4 / 3) / 3,
            "seconds": 9.0, "oracle_steps": 12.0,
        }
    )  # fmt: skip


def test_who_never_relearns_is_a_lower_bound_and_says_so():
    results = seed()
    cells = nearness(results[2], results)
    assert cells["relearn"].text(0) == ">4"
    assert cells["relearn_ratio"].text(2) == ">1.33"


def test_the_oracle_has_no_gap_and_a_run_of_a_sweep_no_row():
    figures = over_seeds([seed()])
    assert list(figures) == ["original", "oracle", "nl-ft", "zero-filled"]
    assert figures["oracle"]["gap_psnr"] == [None]
    assert figures["oracle"]["relearn_ratio"] == [None]


def test_seeds_are_averaged_with_the_deviation_of_a_sample():
    cell = mean_over_seeds([Cell(1.0), None, Cell(3.0, at_least=True)])
    assert (cell.value, cell.sd, cell.at_least) == (2.0, pytest.approx(2**0.5), True)
    assert mean_over_seeds([None]) is None
    assert mean_over_seeds([Cell(1.0)]).sd is None


def test_nearer_is_counted_seed_by_seed():
    figures = over_seeds([seed(), seed(ours_knee=20.0, nl_knee=17.0)])
    assert seeds_nearer(figures, "zero-filled", "nl-ft", "gap_psnr") == (1, 2)
    assert seeds_nearer(figures, "zero-filled", "nl-ft", "agreement") == (2, 2)
    assert seeds_nearer(figures, "nl-ft", "zero-filled", "agreement") == (0, 2)


def test_too_stubborn_is_as_far_from_the_oracle_as_too_quick():
    results = seed()
    results[3] = relearnt(results[3], 0.5, 0.55, 0.7)  # close to the oracle's 3 steps
    figures = over_seeds([results])
    assert seeds_nearer(figures, "zero-filled", "nl-ft", "relearn_ratio") == (1, 1)


def test_a_run_that_one_seed_lacks_is_counted_where_it_is():
    figures = over_seeds([seed(), seed()[:3]])
    assert seeds_nearer(figures, "zero-filled", "nl-ft", "gap_psnr") == (1, 1)
    row = next(r for r in nearness_table(figures).rows if r.labels[0] == "zero-filled")
    assert row.labels[1] == "1"


def test_the_tables_say_it_in_words():
    figures = over_seeds([seed(), seed(ours_knee=17.4)])
    assert "17.30 ± 0.14" in nearness_table(figures).markdown()
    text = comparison_table(figures, "zero-filled", ["nl-ft"]).markdown()
    assert "| NL-FT | 2 of 2 | 2 of 2 | 2 of 2 |" in text


def test_columns_that_nobody_filled_are_left_out():
    bare = [dataclasses.replace(result, relearned=None) for result in seed()]
    assert "relearn" not in nearness_table(over_seeds([bare])).markdown()
