import json

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.findings import (
    Finding,
    best_against_paper,
    goals_reached,
    paper_findings,
)
from napari_unlearn.evaluation.grid import Cell
from napari_unlearn.evaluation.nearness import MEASURES
from napari_unlearn.evaluation.study_report import StudyReport


def figures(**runs):
    """Runs from {measure: values by seed}; everything else was not measured."""
    seeds = max(len(values) for measures in runs.values() for values in measures.values())
    return {
        name.replace("_", "-"): {
            measure.key: [
                None if value is None else Cell(value)
                for value in measures.get(measure.key, [None] * seeds)
            ]
            for measure in MEASURES
        }
        for name, measures in runs.items()
    }


def psnr(brain, knee):
    return {"retain_psnr": brain, "forget_psnr": knee}


PAPER = figures(
    original=psnr([39.1, 39.1], [36.6, 36.6]),
    oracle=psnr([39.4, 39.0], [31.8, 34.6]),
    ft=psnr([39.2, 39.2], [36.7, 34.9]),
    ga_l1=psnr([16.2, 38.0], [14.1, 14.1]),
    nl=psnr([16.4, 16.4], [17.4, 17.4]),
    ga_l1_ft=psnr([31.8, 10.0], [27.1, 27.1]),
    nl_ft=psnr([38.2, 27.0], [31.2, 31.2]),
)


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("at least as good as the original on brains", (True, False)),
        ("clearly worse than the original on knees", (True, False)),
        ("FT does not forget", (True, False)),
        ("GA-ℓ1 alone destroys", (True, False)),
        ("NL alone destroys", (True, True)),
        ("NL-FT recovers", (True, False)),
        # in the second seed nothing was destroyed, so nothing can be recovered
        ("GA-ℓ1-FT recovers", (True,)),
    ],
)
def test_a_finding_of_the_paper_is_judged_seed_by_seed(claim, holds):
    (found,) = [finding for finding in paper_findings(PAPER) if claim in finding.claim]
    assert found.holds == holds


def test_a_finding_speaks():
    assert Finding("It", (True, False, True), "1 dB").text == "It: holds in 2 of 3 seeds (1 dB)."
    assert Finding("It", (False,), "1 dB").text == "It: does not hold (1 dB)."
    assert Finding("It", (False, False), "1").text == "It: does not hold in any seed (1)."
    assert Finding("It", (), "1 dB").text == "It: cannot be judged (1 dB)."


NEAR = figures(
    oracle={"gap_psnr": [None, None]},
    nl_ft={"gap_psnr": [1.7, 1.0], "agreement": [13.0, 13.0], "relearn_ratio": [0.1, None]},
    ft={"gap_psnr": [5.4, 5.0], "agreement": [19.0, 22.0], "relearn_ratio": [0.0, 0.0]},
    zero_filled={
        "gap_psnr": [1.2, 1.1], "agreement": [21.0, 21.0], "relearn_ratio": [0.4, 0.5],
        "gap_retain_psnr": [0.2, 0.4], "oracle_steps": [7.1, 7.1],
    },
)  # fmt: skip


def test_ours_must_be_nearer_than_every_strategy_of_the_paper():
    by_title = {f.claim.split(" in ")[-1]: f for f in best_against_paper(NEAR, "zero-filled")}
    assert by_title["sum of PSNR gaps [dB]"].holds == (True, False)
    assert by_title["~O [dB]"].holds == (True, False)
    assert by_title["relearning [oracle = 1]"].holds == (True, True)
    assert by_title["sum of SSIM gaps"].holds == ()
    assert "the paper's nearest, NL-FT, 1.35" in by_title["sum of PSNR gaps [dB]"].text
    assert "the paper's nearest, FT, 20.50" in by_title["~O [dB]"].text


def test_goals_are_judged_by_their_limit():
    found = {finding.claim: finding.holds for finding in goals_reached(NEAR, "zero-filled")}
    assert found["BTA gap [dB] ≤ 0.3"] == (True, False)
    assert found["relearning [oracle = 1] ≥ 0.8"] == (False, False)
    assert found["~O [dB] ≥ 25"] == (False, False)
    assert found["steps [% of the oracle's] ≤ 10"] == (True, True)
    assert found["sum of SSIM gaps ≤ 0.02"] == ()


@pytest.fixture
def report():
    return StudyReport(
        "napari-unlearn study DIR",
        "2 CPU cores",
        {"torch": "2.13"},
        (0, 1),
        "zero-filled",
        NEAR,
        {"train": 600.0, "judge": 60.0},
        problems=("seed-0 ga: the loss is not finite.",),
        tables="### Table 1",
    )


def test_a_report_survives_the_disk(report, tmp_path):
    report.write(tmp_path / "study.json")
    read = StudyReport.read(tmp_path / "study.json")
    assert read == report
    assert read.markdown() == report.markdown()


def test_a_report_says_command_machine_time_problems_and_tables(report):
    text = report.markdown()
    for words in (
        "napari-unlearn study DIR",
        "11.0 minutes on 2 CPU cores: train 10.0, judge 1.0.",
        "the loss is not finite",
        "### Table 1",
        "| zero-filled | 2 |",
        "| NL-FT | 1 of 2 |",
    ):
        assert words in text


def test_a_file_that_is_no_report_is_one_sentence(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"figures": 3}))
    with pytest.raises(UnlearnError, match="not a report of a study"):
        StudyReport.read(tmp_path / "study.json")
