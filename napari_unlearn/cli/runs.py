"""Commands that make models: train, unlearn, and the list of strategies."""

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unlearn.cli.app import (
    AsJson,
    Device,
    ExperimentPath,
    Processes,
    Resume,
    Threads,
    app,
)

if TYPE_CHECKING:
    from napari_unlearn.unlearning.guard import Guard


@app.command()
def train(
    experiment: ExperimentPath,
    role: Annotated[
        Literal["original", "oracle"],
        typer.Option(help="original (retain + forget) or oracle (retain)"),
    ],
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    resume: Resume = False,
    device: Device = "auto",
    threads: Threads = None,
    processes: Processes = 1,
) -> None:
    """Train the original or the oracle of an experiment.

    Example: napari-unlearn train study --role oracle
    """
    if _shared(processes):
        return
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.terminal import run_job

    job = Experiment.load(experiment).training_job(role, device, epochs)
    run_job(job, resume=resume, threads=threads)


@app.command()
def strategies(
    task: Literal["reconstruction", "segmentation"] = "reconstruction", as_json: AsJson = False
) -> None:
    """List the strategies: names, titles, formulas, papers, parameters.

    Example: napari-unlearn strategies --task segmentation --json
    """
    from dataclasses import asdict

    from napari_unlearn.unlearning.strategies import strategies_for

    chosen = list(strategies_for(task).values())
    if as_json:
        rows = [
            {
                "name": entry.name,
                "title": entry.title,
                "formula": entry.formula,
                "paper": entry.paper,
                "remark": entry.remark,
                "parameters": [asdict(parameter) for parameter in entry.parameters],
            }
            for entry in chosen
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for entry in chosen:
        typer.echo(f"{entry.name}: {entry.title}\n  {entry.formula}\n  {entry.paper}")
        for item in entry.parameters:
            span = f"{item.low:g} to {item.high:g} {item.unit}".rstrip()
            typer.echo(f"  --set {item.name}={item.value:g}   ({span})")


@app.command()
def unlearn(
    experiment: ExperimentPath,
    strategy: Annotated[str, typer.Option(help="See the command 'strategies'.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value of the strategy; repeatable.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Overrules epochs.")] = None,
    retain_fraction: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(help="Only this scan or subject of the forget set, or pattern; repeatable."),
    ] = None,
    parent: Annotated[
        str, typer.Option(help="Run to start from; one that forgot before makes a chain.")
    ] = "original",
    name: Annotated[str | None, typer.Option(help="Folder under runs/.")] = None,
    guard: Annotated[
        float | None,
        typer.Option(min=0.0, help="Stop once retain SSIM fell by more; roll back."),
    ] = None,
    keep_best: Annotated[
        bool, typer.Option(help="Keep the last epoch within the limit (0.02 by default).")
    ] = False,
    rewind: Annotated[
        bool, typer.Option(help="Best is the epoch that treats forget set and unseen scans alike.")
    ] = False,
    resume: Resume = False,
    device: Device = "auto",
    threads: Threads = None,
    processes: Processes = 1,
) -> None:
    """Make the original forget its forget set, or one deletion request after another.

    Example: napari-unlearn unlearn study --strategy nl-ft --set scale=0.3 --epochs 5

    Example: napari-unlearn unlearn heads --strategy as-stranger --forget head-0201
    --parent first --name second
    """
    if _shared(processes):
        return
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.terminal import run_job

    values = _key_values(settings or [])
    study = Experiment.load(experiment)
    limit = study.unlearning.guard if guard is None else guard
    job = study.unlearning_job(
        strategy,
        values,
        epochs=epochs,
        steps=steps,
        retain_fraction=retain_fraction,
        device=device,
        run_name=name,
        guard=_guard(limit, keep_best, rewind),
        forget=forget or (),
        parent=parent,
    )
    run_job(job, resume=resume, threads=threads)


def _shared(processes: int) -> bool:
    """Whether other processes did the work of this command."""
    if processes == 1 or "RANK" in os.environ:  # those are the other processes
        return False
    from napari_unlearn.runs.together import run_together

    run_together(processes, sys.argv[1:])
    return True


def _guard(limit: float | None, keep_best: bool, rewind: bool) -> "Guard | None":
    """A limit stops the run; keeping or rewinding without one only chooses at the end."""
    from napari_unlearn.unlearning.guard import Guard

    if limit is None and not keep_best and not rewind:
        return None
    if limit is None:
        return Guard(stops=False, keeps_best=True, rewinds=rewind)
    return Guard(limit, keeps_best=keep_best or rewind, rewinds=rewind)


def _key_values(settings: list[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for setting in settings:
        key, found, value = setting.partition("=")
        try:
            values[key.strip()] = float(value)
        except ValueError:
            found = ""
        if not found:
            raise typer.BadParameter(f"'{setting}' is not key=number, e.g. --set scale=0.3.")
    return values
