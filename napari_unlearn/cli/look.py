"""Commands that show something: the demo, what a file is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from napari_unlearn.cli.app import AsJson, Deidentify, app


@app.command()
def demo(
    screenshot: Annotated[
        Path | None,
        typer.Option(help="Write a picture of it; with --tour one per step, numbered."),
    ] = None,
    headless: Annotated[
        bool, typer.Option(help="Close the window after the picture, or the tour's first round.")
    ] = False,
    tour: Annotated[
        bool,
        typer.Option("--tour", help="Walk through it by itself until somebody touches the window."),
    ] = False,
) -> None:
    """Open the viewer on the sample data with the whole story laid out.

    Example: napari-unlearn demo --headless --screenshot demo.png

    Example: napari-unlearn demo --tour
    """
    if tour:
        from napari_unlearn.viewer.tour_demo import launch_tour

        launch_tour(screenshot, headless)
        return
    from napari_unlearn.viewer.demo import launch_demo

    launch_demo(screenshot, headless)


@app.command()
def info(path: Path, deidentify: Deidentify = True, as_json: AsJson = False) -> None:
    """Say what a file is; exit code 1 with a one-line reason if it is unusable.

    Example: napari-unlearn info scan.h5
    """
    from napari_unlearn.io.info import describe
    from napari_unlearn.pseudonym import naming

    about = describe(path)
    facts = dict(about.facts)
    if facts.get("patient", "not stated") != "not stated":
        facts["patient"] = naming(deidentify).of("patient", facts["patient"])
    if as_json:
        typer.echo(json.dumps({"kind": about.kind, "text": about.text, **facts}))
        return
    typer.echo(about.text)
    for name, value in facts.items():
        typer.echo(f"  {name}: {value}")
