"""Write simulated scans."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_unlearn.cli.app import app


@app.command()
def simulate(
    folder: Path,
    anatomy: Annotated[
        Literal["brain", "knee", "head"],
        typer.Option(help="Multi-coil scans of brain or knee, or labelled 3D heads."),
    ] = "brain",
    subjects: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    slices: Annotated[int, typer.Option(min=1, help="Slices per scan.")] = 4,
    size: Annotated[
        int | None, typer.Option(min=16, help="Rows and columns; 96, for heads 56.")
    ] = None,
    coils: Annotated[int, typer.Option(min=1)] = 4,
    site: Annotated[
        Literal["A", "B", "mixed"], typer.Option(help="Scanner; B has shaded coils.")
    ] = "A",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Write a whole experiment instead: brain-knee, contaminated-site or heads."
        ),
    ] = None,
    scale: Annotated[float, typer.Option(min=0.01, help="Size of the protocol; 1 is full.")] = 1.0,
) -> None:
    """Write simulated multi-coil scans, labelled 3D heads, or a whole protocol ready to train.

    Heads are NIfTI, images/ID_CONTRAST.nii.gz and labels/ID.nii.gz.

    Example: napari-unlearn simulate brains --anatomy brain --subjects 3 --seed 0

    Example: napari-unlearn simulate people --anatomy head --subjects 3

    Example: napari-unlearn simulate study --protocol heads
    """
    from napari_unlearn.phantoms.head import SHAPE
    from napari_unlearn.simulation import simulate_heads, simulate_protocol, simulate_subjects
    from napari_unlearn.terminal import track

    unit = "scans"
    if protocol is not None:
        paths = simulate_protocol(folder, protocol, scale, size)
        unit = "heads" if protocol == "heads" else unit
    elif anatomy == "head":
        paths, unit = simulate_heads(folder, subjects, seed, size or SHAPE[1]), "heads"
    else:
        paths = simulate_subjects(folder, anatomy, subjects, seed, slices, size or 96, coils, site)
    count = track("Simulating", paths)
    typer.echo(f"{count} {unit} written to {folder}.")
