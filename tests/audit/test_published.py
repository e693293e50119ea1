import runpy
from pathlib import Path

import pytest

from napari_unlearn.audit.result import Audit

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "measure_audit.py"))
PAGE, RESULTS = ROOT / "docs" / "audit.md", ROOT / "docs" / "results"


def read(name):
    return Audit.read(RESULTS / f"audit-{name}.json")


def test_the_page_says_what_the_results_hold():
    found = SCRIPT["blocks"](RESULTS)
    assert set(found) == {"reconstruction", "segmentation", "shadows", "brain-knee", "heads"}
    text = PAGE.read_text()
    assert all(words in text for words in found.values())


@pytest.mark.parametrize("task", SCRIPT["TASKS"])
def test_the_attack_finds_the_forget_set_in_the_original_and_not_in_the_oracle(task):
    found = read(task)
    assert found.run("original").auc.low > 0.5
    oracle = found.run("oracle").auc
    assert oracle.low <= 0.5 <= oracle.high


@pytest.mark.parametrize(
    ("task", "ours"), [("segmentation", "as-stranger"), ("reconstruction", "refit-ignorant")]
)
def test_ours_is_within_the_margin_of_the_oracle(task, ours):
    assert abs(read(task).run(ours).auc_gap.value) <= 0.05


@pytest.mark.parametrize("name", ["segmentation", "heads-seed-0", "heads-seed-1", "heads-seed-2"])
def test_max_loss_and_noisy_label_are_called_out_as_damage(name):
    named = {run.name.partition("@")[0]: run for run in read(name).runs}
    for strategy in ("max-loss", "noisy-label"):
        damage = named[strategy].verdicts[1]
        assert damage.claim.startswith("No recognisable damage")
        assert damage.answer == "not supported"


def test_publishing_fills_the_page_and_nothing_else(tmp_path):
    page = tmp_path / "audit.md"
    page.write_text(PAGE.read_text())
    SCRIPT["publish"](page, RESULTS)
    assert page.read_text() == PAGE.read_text()
    SCRIPT["publish"](page, tmp_path)  # without results there is nothing to fill
    assert page.read_text() == PAGE.read_text()
