"""Write simulated scans."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_unlearn.cli.app import app


@app.command()
def simulate(
    folder: Path,
    anatomy: Annotated[Literal["brain", "knee"], typer.Option(help="Which phantom.")] = "brain",
    subjects: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    slices: Annotated[int, typer.Option(min=1, help="Slices per subject.")] = 4,
    size: Annotated[int, typer.Option(min=32, help="Rows and columns.")] = 96,
    coils: Annotated[int, typer.Option(min=1)] = 4,
    site: Annotated[
        Literal["A", "B", "mixed"], typer.Option(help="Scanner; B has shaded coils.")
    ] = "A",
    protocol: Annotated[
        str | None,
        typer.Option(help="Write a whole experiment instead: brain-knee or contaminated-site."),
    ] = None,
    scale: Annotated[float, typer.Option(min=0.01, help="Size of the protocol; 1 is full.")] = 1.0,
) -> None:
    """Write simulated multi-coil scans, or a whole protocol ready to train.

    Example: napari-unlearn simulate brains --anatomy brain --subjects 3 --seed 0

    Example: napari-unlearn simulate study --protocol brain-knee
    """
    from napari_unlearn.simulation import simulate_protocol, simulate_subjects
    from napari_unlearn.terminal import track

    if protocol is not None:
        paths = simulate_protocol(folder, protocol, scale)
    else:
        paths = simulate_subjects(folder, anatomy, subjects, seed, slices, size, coils, site)
    count = track("Simulating", paths)
    typer.echo(f"{count} scans written to {folder}.")
