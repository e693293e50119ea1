"""What a study of heads found, as one file: words, the table over all seeds, every structure."""

from dataclasses import dataclass

from napari_unlearn.evaluation.study_report import StudyReport, bullets
from napari_unlearn.evaluation.subject_findings import goals_reached, paper_findings
from napari_unlearn.evaluation.subject_runs import Variant
from napari_unlearn.evaluation.subject_tables import DETAILS, subject_table

EXPLAINED = (
    "Dice is a mean over the structures that a subject has, then over the subjects of a set; "
    "unseen subjects are held out. Dice gap = retain Dice − forget Dice, MAE gap = forget MAE − "
    "retain MAE, as the paper has them. Agreement is the share of the forget subjects' voxels "
    "labelled as the oracle labels them. The membership attack sets the losses of the forget "
    "subjects' patches against those of subjects that no model was trained on (in brackets: 95 % "
    "interval over subjects, of a single seed); judge it beside the oracle's. A step on a forget "
    "and a retain subject is two passes."
)


@dataclass(frozen=True)
class SubjectReport(StudyReport):
    """Everything that a study of heads has to tell; subjects lie in the seeds' own files.

    `tables` are those of every structure on the first seed's forget subjects.
    """

    def markdown(self) -> str:
        """Everything, to read."""
        several = len(self.seeds) > 1
        seeds = "Mean ± sd over the training seeds that have the run. " if several else ""
        blocks = [
            f"```\n{self.command}\n```",
            self.made_in(),
            "### The paper's findings",
            bullets(paper_findings(self.figures)),
            f"### {Variant(self.best).title}: what it is asked for",
            bullets(goals_reached(self.figures, self.best)),
            "### Every run",
            seeds + EXPLAINED,
            subject_table(self.figures).markdown(),
            "### Without lesions, and MAE",
            subject_table(self.figures, DETAILS).markdown(),
        ]
        if self.problems:
            blocks += ["### Runs that failed", "\n".join(f"- {line}" for line in self.problems)]
        if self.tables:
            blocks += ["### Structures, first seed", self.tables.strip()]
        return "\n\n".join(blocks) + "\n"
