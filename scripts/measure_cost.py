"""Measure where the time of unlearning goes, with and without what is reused between its steps.

Usage: python scripts/measure_cost.py [FOLDER]

FOLDER receives the simulated brain/knee protocol with the sample data's original. Each strategy
runs four times in turn: as it is, without teachers' answers from memory, without reading ahead,
and measuring the test sets only at the end. Figures go to docs/results/unlearning-cost.json, the
table to docs/cluster.md. Without FOLDER the table is made anew.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from napari_unlearn.experiment import Experiment
from napari_unlearn.heap import keep_freed_memory
from napari_unlearn.simulation import sample_experiment
from napari_unlearn.unlearning import ahead, answers
from napari_unlearn.unlearning.events import Finished
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results" / "unlearning-cost.json"
PAGE = ROOT / "docs" / "cluster.md"
BEGIN, END = "<!-- cost -->", "<!-- end of cost -->"
STRATEGIES = ("nl-ft", "npo-ft", "refit-ignorant")
STEPS = 120
PARTS = ("arithmetic", "teachers", "data", "evaluation", "files", "preparation")


@contextmanager
def changed(owner: object, name: str, value: object) -> Iterator[None]:
    """Let a module's name mean something else for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def run(job: Job) -> dict[str, object]:
    """Seconds of the steps, and the seconds of each part."""
    finished = list(train(job))[-1]
    assert isinstance(finished, Finished)
    # An event's seconds are those of preparation and steps alone; the shares tell the rest.
    parts = ("arithmetic", "teachers", "data", "exchange", "preparation")
    whole = finished.seconds / sum(finished.shares.get(part, 0.0) for part in parts)
    shares = {part: finished.shares.get(part, 0.0) for part in PARTS}
    return {"seconds": whole, "steps_seconds": finished.seconds, "shares": shares}


def measure(folder: Path) -> dict[str, object]:
    """All strategies in all ways."""
    models = ROOT / "sample_data" / "brain-knee"
    list(sample_experiment(folder, models, 1.0, "brain-knee"))
    experiment = Experiment.load(folder)
    torch.set_num_threads(1)
    keep_freed_memory()
    found: dict[str, dict[str, object]] = {}
    for name in STRATEGIES:
        job = experiment.unlearning_job(name, steps=STEPS, device="cpu", run_name=f"cost-{name}")
        asked = partial(run, job)
        found[name] = {"as it is": asked()}
        with changed(answers, "SHARE", 0.0):
            found[name]["teachers asked anew"] = asked()
        with changed(ahead.Ahead, "get", lambda self, name, number, _: self._read(name, number)):
            found[name]["not read ahead"] = asked()
        found[name]["measured at the end"] = run(replace(job, test_every=10**6))
    return {
        "command": "python scripts/measure_cost.py FOLDER",
        "steps": STEPS,
        "machine": f"{os.cpu_count()} CPU cores, one torch thread; torch {torch.__version__}",
        "tests": {name: len(samples) for name, samples in job.tests.items()},
        "strategies": found,
    }


def table(results: dict) -> str:
    """Seconds and shares as markdown."""
    lines = [
        "| strategy | run | seconds | " + " | ".join(f"{part} %" for part in PARTS) + " |",
        "| --- | --- |" + " ---: |" * (len(PARTS) + 1),
    ]
    for name, ways in results["strategies"].items():
        for way, each in ways.items():
            shares = " | ".join(f"{100 * each['shares'][part]:.1f}" for part in PARTS)
            lines.append(f"| {name} | {way} | {each['seconds']:.1f} | {shares} |")
    tests = ", ".join(f"{count} slices of {name}" for name, count in results["tests"].items())
    return (
        f"`{results['command']}`: {results['steps']} steps each, {tests} measured after every "
        f"epoch; {results['machine']}, other work beside them: seconds that should be equal differ "
        "by up to 15 %, shares by less.\n\n" + "\n".join(lines)
    )


def main() -> None:
    """Measure, or publish what was measured."""
    if len(sys.argv) > 1:
        results = measure(Path(sys.argv[1]))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = table(json.loads(RESULTS.read_text()))
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
