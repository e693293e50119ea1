"""Publish a study: its report to docs/results/, its tables and words to its page in docs/.

Usage: python scripts/publish_study.py [STUDY]

STUDY is the folder of a finished `napari-unlearn study`, of either protocol. Without STUDY the
pages are made anew from docs/results/.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.evaluation.subject_report import SubjectReport

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- study -->", "<!-- end of study -->"


@dataclass(frozen=True)
class Page:
    """Where the studies of one protocol go, below docs/."""

    report: type[StudyReport]
    results: str
    text: str
    pictures: str
    figures: tuple[str, ...]
    """Below the study's folder."""


PAGES = {
    "brain-knee": Page(
        StudyReport,
        "results/study.json",
        "study.md",
        "study",
        ("paper/figure1.png", "paper/figure3.png", "paper/figure5.png"),
    ),
    "heads": Page(
        SubjectReport,
        "results/heads-study.json",
        "heads-study.md",
        "heads-study",
        ("structures.png",),
    ),
}


def fill(page: str, report: StudyReport) -> str:
    """Put the report between the page's marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{report.markdown()}\n{END}{tail}"


def publish(study: Path, docs: Path = DOCS) -> None:
    """Copy report and figures of a finished study and fill its protocol's page."""
    page = PAGES[json.loads((study / "study.json").read_text())["plan"]["protocol"]]
    shutil.copyfile(study / "results.json", docs / page.results)
    pictures = docs / page.pictures
    pictures.mkdir(exist_ok=True)
    for name in page.figures:
        if (study / name).exists():  # a study in miniature may lack some
            shutil.copyfile(study / name, pictures / Path(name).name)
    refill(page, docs)


def refill(page: Page, docs: Path = DOCS) -> None:
    """Make a page anew from its results."""
    text = docs / page.text
    text.write_text(fill(text.read_text(), page.report.read(docs / page.results)))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        publish(Path(sys.argv[1]))
    else:
        for known in PAGES.values():
            refill(known)
