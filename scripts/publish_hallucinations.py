"""Publish self-tests of the maps: fill docs/hallucinations.md from docs/results/.

Usage: python scripts/publish_hallucinations.py

docs/results/hallucinations-NAME.json is what `napari-unlearn benchmark hallucinations ... --json`
printed; its tables go between the page's marks NAME.
"""

import sys
from pathlib import Path

from napari_unlearn.evaluation.self_test_report import SelfTestReport

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "hallucinations.md"
RESULTS = DOCS / "results"
NAMES = ("brain", "knee", "knee-dicom")


def block(report: SelfTestReport) -> str:
    """The command and the tables of one self-test."""
    return f"`{report.command}`\n\n{report.text()}"


def fill(page: str, name: str, report: SelfTestReport) -> str:
    """Put a report between the page's marks."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{block(report)}\n\n{end}{tail}"


def results_of(name: str, results: Path = RESULTS) -> Path:
    """Where the figures of one self-test lie."""
    return results / f"hallucinations-{name}.json"


def publish(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Fill the page from every result that is there."""
    text = page.read_text()
    for name in NAMES:
        path = results_of(name, results)
        if path.exists():
            text = fill(text, name, SelfTestReport.read(path.read_text()))
    page.write_text(text)


if __name__ == "__main__":
    sys.exit(publish())
