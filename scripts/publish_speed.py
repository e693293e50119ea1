"""Publish measurements of networks: fill docs/speed.md from docs/results/.

Usage: python scripts/publish_speed.py

docs/results/speed-NAME.json is what `napari-unlearn benchmark speed ... --json` printed; its tables
go between the page's marks NAME.
"""

import sys
from pathlib import Path

from napari_unlearn.benchmarks.report import SpeedReport

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "speed.md"
RESULTS = DOCS / "results"


def block(report: SpeedReport) -> str:
    """The command and the tables of one run."""
    return f"`{report.command}`\n\n{report.text()}"


def fill(page: str, name: str, report: SpeedReport) -> str:
    """Put a report between the page's marks."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{block(report)}\n\n{end}{tail}"


def reports(results: Path = RESULTS) -> dict[str, SpeedReport]:
    """Every run that was kept, by its name."""
    return {
        path.stem.removeprefix("speed-"): SpeedReport.read(path.read_text())
        for path in sorted(results.glob("speed-*.json"))
    }


def publish(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Fill the page from every result that is there."""
    text = page.read_text()
    for name, report in reports(results).items():
        text = fill(text, name, report)
    page.write_text(text)


if __name__ == "__main__":
    sys.exit(publish())
