import pytest

from napari_unlearn.evaluation.subject_findings import goals_reached, paper_findings
from napari_unlearn.evaluation.subject_report import SubjectReport
from tests.evaluation.subjects import figures

REMEMBERS = {
    "original": {"forget_dice": [0.90, 0.70], "oracle_gap": [0.25, 0.05]},
    "oracle": {"forget_dice": [0.65, 0.65]},
}


def dice(retain, forget):
    return {
        "retain_dice": retain,
        "forget_dice": forget,
        "dice_gap": [r - f for r, f in zip(retain, forget, strict=True)],
        "oracle_gap": [f - 0.65 for f in forget],
    }


PAPER = figures(
    **REMEMBERS,
    noisy_label__20=dice([0.86, 0.90], [0.62, 0.10]),
    noisy_label__50=dice([0.90, 0.90], [0.06, 0.10]),
    max_loss__20=dice([0.75, 0.75], [0.30, 0.30]),
    max_loss__50=dice([0.58, 0.75], [0.00, 0.00]),
    retain_label__20=dice([0.88, 0.88], [0.64, 0.64]),
    retain_label__50=dice([0.70, 0.80], [0.50, 0.55]),
    random_encoder__20=dice([0.86, 0.86], [0.80, 0.60]),
    random_encoder__50=dice([0.88, 0.88], [0.60, 0.69]),
    noisy_label_fixed__20=dice([0.80, 0.80], [0.70, 0.05]),
    noisy_label_fixed__50=dice([0.80, 0.80], [0.10, 0.05]),
    max_loss_fixed__20=dice([0.80, 0.80], [0.40, 0.10]),
    max_loss_fixed__50=dice([0.80, 0.05], [0.10, 0.10]),
)


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("The original remembers its subjects", (True, False)),
        ("best trade-off of the paper's strategies after 20", (False, True)),
        ("best trade-off of the paper's strategies after 50", (True, True)),
        ("Max Loss is unstable later", (True, False)),  # in the second seed the retain set stays
        ("Retain Label is unstable later", (True, True)),
        ("Random Encoder forgets little after 20", (True, False)),
        ("Random Encoder forgets little after 50", (False, True)),
        ("Fix Decoder makes forgetting moderate after 20", (True, False)),
        ("Fix Decoder is unstable later", (True, False)),
        ("With Fix Decoder forget subjects sometimes end better", (False, True)),
    ],
)
def test_a_finding_of_the_paper_is_judged_seed_by_seed(claim, holds):
    (finding,) = (f for f in paper_findings(PAPER) if claim in f.claim)
    assert finding.holds == holds


def test_evidence_names_who_was_better_and_what_it_means_for_the_oracle():
    (finding,) = (f for f in paper_findings(PAPER) if "trade-off" in f.claim and "20" in f.claim)
    assert "holds in 1 of 2 seeds" in finding.text
    assert "forget Dice minus the oracle's -0.290 ± 0.368" in finding.evidence
    late = figures(noisy_label__50=dice([0.9], [0.5]), max_loss__50=dice([0.8], [0.1]))
    (finding,) = (f for f in paper_findings(late) if "trade-off" in f.claim)
    assert finding.holds == (False,)
    assert "Max Loss has 0.700" in finding.evidence


def test_what_was_not_run_cannot_be_judged():
    for finding in paper_findings(figures(**REMEMBERS))[1:]:
        assert finding.holds == ()
        assert "cannot be judged" in finding.text


def ours(agreement=(0.69, 0.72), rival=(0.55, 0.75)):
    return figures(
        original={"agreement": [0.68, 0.68]},
        oracle={"retain_dice": [0.9, 0.9]},
        loss_match__50={
            "oracle_gap": [0.017, -0.03],
            "retained": [99.0, 98.9],
            "auc_gap": [0.19, -0.05],
            "agreement": list(agreement),
        },
        loss_match_fixed__50={"agreement": [0.99, 0.99]},
        noisy_label__50={"agreement": list(rival)},
    )


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("forget Dice within 0.02", (True, False)),
        ("at least 99 %", (True, False)),
        ("membership AUC within 0.05", (False, True)),
        # variants of the same strategy are no rivals
        ("above that of every other strategy", (True, False)),
    ],
)
def test_what_ours_is_asked_for_is_judged_seed_by_seed(claim, holds):
    (finding,) = (f for f in goals_reached(ours(), "loss-match") if claim in f.claim)
    assert finding.holds == holds
    assert finding.claim.startswith("Match the loss on unseen subjects, 50 epochs: ")


def test_the_original_is_a_rival_in_agreement():
    found = goals_reached(ours(agreement=(0.67, 0.70), rival=(0.5, 0.5)), "loss-match")
    assert found[-1].holds == (False, True)
    assert "nearest Original 0.680" in found[-1].evidence


def test_a_report_says_findings_goals_and_tables_and_survives_the_disk(tmp_path):
    report = SubjectReport(
        command="napari-unlearn study DIR --protocol heads",
        machine="2 CPU cores",
        versions={"torch": "2"},
        seeds=(0, 1),
        best="loss-match",
        figures={**PAPER, **ours()},
        seconds={"train": 60.0},
        problems=("seed-0 ga@20: lost",),
        tables="Dice, forget subjects:",
    )
    text = report.markdown()
    for words in (
        "1.0 minutes on 2 CPU cores: train 1.0. torch 2.",
        "Max Loss is unstable later",
        "### Match the loss on unseen subjects: what it is asked for",
        "| Noisy Label | 50 | 2 |",
        "- seed-0 ga@20: lost",
        "### Structures, first seed\n\nDice, forget subjects:",
    ):
        assert words in text
    report.write(tmp_path / "r.json")
    assert SubjectReport.read(tmp_path / "r.json").markdown() == text
