"""Judge the runs of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from napari_unlearn.cli.app import Device, ExperimentPath, app


@app.command()
def evaluate(
    experiment: ExperimentPath,
    output: Annotated[
        Path | None, typer.Option("--json", help="Write per-sample values and averages here.")
    ] = None,
    paper: Annotated[
        Path | None, typer.Option(help="Folder for the paper's tables and figures.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Judge every run of an experiment on its test sets, against the oracle.

    With --paper also on the forget set itself: tables 1 to 3 and figures 3 and 5 of
    "Erase to Enhance", with oracle gaps, ToW and cost beside them.

    Example: napari-unlearn evaluate study --json results.json --paper study/paper
    """
    from napari_unlearn.evaluation.paper_figures import write_paper
    from napari_unlearn.evaluation.results import format_table, write_results
    from napari_unlearn.evaluation.table import evaluate_runs
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.terminal import show_evaluation

    loaded = Experiment.load(experiment)
    names = [*loaded.data.tests, *(["forget"] if paper else [])]
    tests = {name: loaded.samples(name) for name in names}
    about = loaded.evaluation
    events = evaluate_runs(
        loaded.runs, tests, device, planted_fault=about.planted_fault, tissue=about.tissue_value
    )
    results = show_evaluation(events)
    typer.echo(format_table(results))
    if output is not None:
        write_results(output, loaded.name, results)
    if paper is not None:
        fraction = loaded.unlearning.retain_fraction
        command = f"napari-unlearn evaluate EXP --paper {paper.name}"
        files = write_paper(
            paper, loaded.name, results, loaded.runs, default_fraction=fraction, command=command
        )
        typer.echo(f"{len(files)} files written to {paper}.")
