import runpy
from pathlib import Path

import pytest

from napari_unlearn.audit.result import Audit

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "measure_audit.py"))
PAGE = ROOT / "docs" / "audit.md"


@pytest.mark.parametrize("task", SCRIPT["TASKS"])
def test_the_page_says_what_the_results_hold(task):
    found = Audit.read(ROOT / "docs" / "results" / f"audit-{task}.json")
    assert SCRIPT["block"](found) in PAGE.read_text()


@pytest.mark.parametrize("task", SCRIPT["TASKS"])
def test_the_published_audits_meet_what_was_asked_for(task):
    found = Audit.read(ROOT / "docs" / "results" / f"audit-{task}.json")
    ours = found.run({"reconstruction": "refit-ignorant", "segmentation": "as-stranger"}[task])
    original, oracle = found.run("original").auc, found.run("oracle").auc
    assert original.low > 0.5
    assert oracle.low <= 0.5 <= oracle.high
    assert abs(ours.auc_gap.value) <= 0.05


def test_max_loss_is_called_out_as_damage():
    found = Audit.read(ROOT / "docs" / "results" / "audit-segmentation.json")
    damage = found.run("max-loss").verdicts[1]
    assert damage.claim.startswith("No recognisable damage")
    assert damage.answer == "not supported"


def test_publishing_fills_the_page_and_nothing_else(tmp_path):
    page = tmp_path / "audit.md"
    page.write_text(PAGE.read_text())
    SCRIPT["publish"](page, ROOT / "docs" / "results")
    assert page.read_text() == PAGE.read_text()
    SCRIPT["publish"](page, tmp_path)  # without results there is nothing to fill
    assert page.read_text() == PAGE.read_text()
