"""A whole study in one command."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_unlearn.cli.app import app


@app.command()
def study(
    folder: Annotated[Path, typer.Argument(help="New, or that of a study to go on with.")],
    protocol: Annotated[
        Literal["brain-knee", "heads"],
        typer.Option(help="Reconstruction of brains and knees, or segmentation of 3D heads."),
    ] = "brain-knee",
    seeds: Annotated[int, typer.Option(min=1, help="Training seeds.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    scale: Annotated[float, typer.Option(min=0.01, help="Size of the protocol; 1 is full.")] = 1.0,
) -> None:
    """Simulate a protocol, train, run every strategy, judge: tables, figures, words.

    Writes results.md, results.json and figures into the folder. A study that was stopped or
    killed goes on with the same command.

    Example: napari-unlearn study build/study --seeds 3 --jobs 2

    Example: napari-unlearn study build/heads --protocol heads --seeds 3 --jobs 2
    """
    from napari_unlearn.study.heads import HeadsPlan, study_heads
    from napari_unlearn.study.study import Plan
    from napari_unlearn.study.study import study as study_scans
    from napari_unlearn.terminal import show_study

    if protocol == "heads":
        report = show_study(partial(study_heads, folder, HeadsPlan(seeds, scale), jobs))
    else:
        report = show_study(partial(study_scans, folder, Plan(seeds, scale), jobs))
    typer.echo(f"{report} and {report.with_suffix('.md').name} written.")
