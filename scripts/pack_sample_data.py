"""Copy scans and checkpoints of a study into sample_data/, and publish their figures.

Usage: python scripts/pack_sample_data.py STUDY

Weights are stored in half precision; the figures in docs/results/ are those of the stored
weights, and the tables in both READMEs are made of them.
"""

import shutil
import sys
from pathlib import Path

import torch

from napari_unlearn.evaluation.results import format_table, how_often, read_results, write_results
from napari_unlearn.evaluation.table import evaluate_runs
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint

COMMAND = "bash scripts/make_sample_data.sh"
ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_data"
SCANS = {"brain_3390.h5": "brain_site_b.h5", "knee_1190.h5": "knee.h5"}
UNLEARNED = {"contaminated-site": "acquired-lines", "brain-knee": "refit-ignorant"}


def pack(experiment: Experiment, folder: Path, best: str) -> dict[str, Path]:
    """Store original, oracle and the best unlearned model; all runs, the stored ones stored."""
    runs = experiment.runs
    for name, run in (("original", "original"), ("oracle", "oracle"), ("unlearned", best)):
        model, card = load_checkpoint(runs[run])
        save_checkpoint(folder / f"{name}.safetensors", model, card, dtype=torch.float16)
        runs[run] = folder / f"{name}.safetensors"
    return runs


def publish(experiment: Experiment, runs: dict[str, Path]) -> None:
    """Measure every run on every held-out slice and keep the figures."""
    tests = {name: experiment.samples(name) for name in experiment.data.tests}
    about = experiment.evaluation
    *_, results = evaluate_runs(
        runs, tests, "cpu", planted_fault=about.planted_fault, tissue=about.tissue_value
    )
    path = ROOT / "docs" / "results" / f"{experiment.name}.json"
    write_results(path, experiment.name, results, COMMAND)


def fill_tables(text: str) -> str:
    """Put the tables of docs/results/ between their marks."""
    for name in UNLEARNED:
        results = read_results(ROOT / "docs" / "results" / f"{name}.json")
        often = how_often(results)
        text = fill(text, name, f"{often}\n\n{format_table(results)}")
        text = fill(text, f"{name}: how often", often)
    return text


def fill(text: str, name: str, block: str) -> str:
    """Replace what stands between the marks of that name, if the text has them."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if begin not in text:
        return text
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{block}\n\n{end}{tail}"


def main(study: Path) -> None:
    """Pack everything that the demo opens and publish what it shows."""
    for source, name in SCANS.items():
        shutil.copyfile(study / "samples" / source, SAMPLES / name)
    for protocol, best in UNLEARNED.items():
        experiment = Experiment.load(study / protocol)
        publish(experiment, pack(experiment, SAMPLES / protocol, best))
    for readme in (SAMPLES / "README.md", ROOT / "README.md"):
        readme.write_text(fill_tables(readme.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
