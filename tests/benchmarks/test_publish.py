"""The page on speed says what docs/results/ holds."""

import runpy
from pathlib import Path

from napari_unlearn.benchmarks.names import OURS
from napari_unlearn.benchmarks.report import Entry, SpeedReport, Spread

ROOT = Path(__file__).parent.parent.parent
_SCRIPT = runpy.run_path(str(ROOT / "scripts" / "publish_speed.py"))
block, publish, reports = _SCRIPT["block"], _SCRIPT["publish"], _SCRIPT["reports"]


def test_the_page_says_what_the_results_hold():
    page = (ROOT / "docs" / "speed.md").read_text()
    found = reports()
    assert "small" in found
    for report in found.values():
        assert block(report) in page


def test_ours_is_equal_to_fastmris_in_what_was_published():
    for report in reports().values():
        entries = [each for each in report.entries if each.output_error is not None]
        assert len(entries) > 2
        assert all(each.output_error < 1e-5 for each in entries)


def test_publishing_fills_the_marks_and_nothing_else(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text("before\n<!-- toy -->\nold\n<!-- end of toy -->\nafter")
    report = SpeedReport("command", {"cores": 2}, (Entry("toy", OURS, Spread(1, 1, 1)),))
    (tmp_path / "speed-toy.json").write_text(report.json())
    publish(page, tmp_path)
    text = page.read_text()
    assert text.startswith("before\n<!-- toy -->\n\n`command`")
    assert text.endswith("<!-- end of toy -->\nafter")
    assert "old" not in text
    publish(page, tmp_path)
    assert page.read_text() == text
