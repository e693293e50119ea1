"""The command that says which training scans to look at."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from napari_unlearn.cli.app import AsJson, Deidentify, Device, ExperimentPath, app, chosen_run


@app.command()
def suspects(
    experiment: ExperimentPath,
    role: Annotated[str, typer.Option(help="Which run's model is asked.")] = "original",
    deidentify: Deidentify = False,
    as_json: AsJson = False,
    device: Device = "auto",
) -> None:
    """Rank the training scans by how far the model strays from their measured lines.

    Needs no oracle and no reference image: a model that paints what was not measured
    contradicts the acquired k-space. Names the scans, as that is what it is for, unless
    --deidentify asks for pseudonyms.

    Example: napari-unlearn suspects study --json
    """
    from napari_unlearn.evaluation.suspicion import find_suspects, format_suspicion
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.terminal import show_suspicion

    study = Experiment.load(experiment)
    study.expect("reconstruction", "a segmentation has no measured lines to stray from")
    checkpoint = chosen_run(study, role)
    sets = {name: study.samples(name) for name in ("retain", "forget")}
    found = show_suspicion(find_suspects(checkpoint, sets, device)).called(naming(deidentify))
    if not as_json:
        typer.echo(format_suspicion(found))
        return
    rows = [{**asdict(scan), "stands_out": scan.stands_out} for scan in found.scans]
    figures = {"usual": found.usual, "deviation": found.deviation, "scans": rows}
    typer.echo(json.dumps({"sentence": found.sentence, **figures}, ensure_ascii=False, indent=2))
