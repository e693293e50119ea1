"""A study on disk and in words: one JSON file, and the Markdown that is made of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import read_text
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.findings import (
    PAPER_STRATEGIES,
    Finding,
    best_against_paper,
    goals_reached,
    paper_findings,
)
from napari_unlearn.evaluation.grid import Cell
from napari_unlearn.evaluation.nearness import (
    Figures,
    comparison_table,
    nearness_table,
)
from napari_unlearn.evaluation.paper_runs import label


@dataclass(frozen=True)
class StudyReport:
    """Everything that a study has to tell; slices and curves lie in the seeds' own files."""

    command: str
    machine: str
    """In words: cores, processes, threads."""
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    best: str
    """The strategy of ours that was named before the runs."""
    figures: Figures
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage."""
    sittings: int = 1
    """How often the study was started until it was whole."""
    problems: tuple[str, ...] = ()
    """Runs that ended in a mistake, a sentence each."""
    tables: str = ""
    """Tables 1 to 3 of the first seed, Markdown."""

    def write(self, path: Path) -> None:
        """As JSON.

        Raises:
            UnlearnError: if the file cannot be written.
        """
        figures = {
            run: {key: [_plain(cell) for cell in cells] for key, cells in measures.items()}
            for run, measures in self.figures.items()
        }
        about = {**self.__dict__, "figures": figures}
        write_whole(path, (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> "StudyReport":
        """What `write` wrote.

        Raises:
            EvaluationError: if it is not such a file.
        """
        try:
            about = json.loads(read_text(path))
            about["figures"] = {
                run: {
                    key: [None if cell is None else Cell(**cell) for cell in cells]
                    for key, cells in measures.items()
                }
                for run, measures in about["figures"].items()
            }
            lists = {name: tuple(about[name]) for name in ("seeds", "problems")}
            return cls(**{**about, **lists})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f"{path}: not a report of a study.") from error

    def markdown(self) -> str:
        """Everything, to read."""
        rivals = [name for name in PAPER_STRATEGIES if name in self.figures]
        count = len(self.seeds)
        several = f"Mean ± sd over {count} training seeds; " if count > 1 else "One training seed; "
        blocks = [
            f"```\n{self.command}\n```",
            self.made_in(),
            "### The paper's findings",
            bullets(paper_findings(self.figures)),
            f"### {label(self.best)} against the strategies of the paper",
            bullets(best_against_paper(self.figures, self.best)),
        ]
        if self.best in self.figures and rivals:
            table = comparison_table(self.figures, self.best, rivals)
            blocks.append(f"{table.title}:\n\n{table.markdown()}")
        blocks += [
            f"### Goals, {label(self.best)}",
            bullets(goals_reached(self.figures, self.best)),
            "### Every strategy",
            f"{several}BTA is measured on held-out brains, KTA on held-out knees; gaps are to the "
            "oracle's means, ~O is the PSNR against the oracle's own knees, steps include those "
            "spent before the first one. Steps to relearn: fine-tuning on ten forget slices until "
            "halfway between oracle and original.",
            nearness_table(self.figures).markdown(),
        ]
        if self.problems:
            blocks += ["### Runs that failed", "\n".join(f"- {line}" for line in self.problems)]
        if self.tables:
            blocks += ["## Tables of the paper, first seed", self.tables.strip()]
        return "\n\n".join(blocks) + "\n"

    def made_in(self) -> str:
        """Time, machine and versions, a sentence each."""
        whole = sum(self.seconds.values()) / 60
        stages = ", ".join(f"{name} {value / 60:.1f}" for name, value in self.seconds.items())
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        sittings = (
            f" in {self.sittings} sittings (what a killed one spent on its last stage is not in it)"
            if self.sittings > 1
            else ""
        )
        return f"{whole:.1f} minutes{sittings} on {self.machine}: {stages}. {versions}."


def bullets(findings: list[Finding]) -> str:
    """A line per finding, Markdown."""
    return "\n".join(f"- {finding.text}" for finding in findings)


def _plain(cell: Cell | None) -> dict[str, float] | None:
    if cell is None:
        return None
    return {key: value for key, value in asdict(cell).items() if value is not None}
