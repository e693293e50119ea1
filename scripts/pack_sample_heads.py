"""Copy a head and its checkpoints of the heads protocol into sample_data/, publish their figures.

Usage: python scripts/pack_sample_heads.py EXPERIMENT

The head is the first one of the forget set. Weights are stored in half precision; the figures in
docs/results/sample-heads.json are those of the stored weights, and the table in
sample_data/README.md is made of them.
"""

import shutil
import sys
from pathlib import Path

from pack_sample_data import COMMAND, ROOT, SAMPLES, fill, pack

from napari_unlearn.evaluation.subject_evaluation import evaluate_subjects
from napari_unlearn.evaluation.subject_results import write_subjects
from napari_unlearn.evaluation.subject_tables import over_seeds, subject_table
from napari_unlearn.experiment import Experiment

BEST = "loss-match"
NAME = "sample-heads"
README = SAMPLES / "README.md"


def main(folder: Path) -> None:
    """Pack what File > Open Sample > 3D head opens."""
    experiment = Experiment.load(folder)
    files = experiment.samples("forget").subjects[0].files
    for source in (*(path for _, path in files.images), files.labels):
        place = SAMPLES / "head" / source.relative_to(experiment.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    runs = pack(experiment, SAMPLES / "heads", BEST)
    shown = {name: runs[name] for name in ("original", "oracle", BEST)}
    sets = {name: experiment.samples(name) for name in ("retain", "forget", "unseen_test")}
    *_, results = evaluate_subjects(shown, sets, experiment.samples("nonmember"), "cpu")
    write_subjects(ROOT / "docs" / "results" / f"{NAME}.json", experiment.name, results, COMMAND)
    table = subject_table(over_seeds([results])).markdown()
    README.write_text(fill(README.read_text(), NAME, table))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
