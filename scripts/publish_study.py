"""Publish a study: its report to docs/results/, its tables and words to docs/study.md.

Usage: python scripts/publish_study.py STUDY

STUDY is the folder of a finished `napari-unlearn study`. Without STUDY, docs/study.md is
made anew from docs/results/study.json.
"""

import shutil
import sys
from pathlib import Path

from napari_unlearn.evaluation.study_report import StudyReport

DOCS = Path(__file__).parent.parent / "docs"
RESULTS, PAGE = DOCS / "results" / "study.json", DOCS / "study.md"
FIGURES = ("figure1.png", "figure3.png", "figure5.png")
BEGIN, END = "<!-- study -->", "<!-- end of study -->"


def fill(page: str, report: StudyReport) -> str:
    """Put the report between the page's marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{report.markdown()}\n{END}{tail}"


def publish(study: Path | None, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Copy report and figures of a study, if one is given, and fill the page."""
    if study is not None:
        shutil.copyfile(study / "results.json", results)
        pictures = page.parent / "study"
        pictures.mkdir(exist_ok=True)
        for name in FIGURES:
            if (study / "paper" / name).exists():
                shutil.copyfile(study / "paper" / name, pictures / name)
    page.write_text(fill(page.read_text(), StudyReport.read(results)))


if __name__ == "__main__":
    publish(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
