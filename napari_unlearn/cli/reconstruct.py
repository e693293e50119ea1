"""Run models on a scan: one (reconstruct) or several side by side (compare)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.cancel import CancelToken
from napari_unlearn.cli.app import AsJson, Device, app

if TYPE_CHECKING:
    from napari_unlearn.evaluation.compare import Arm
    from napari_unlearn.evaluation.comparison import Role
    from napari_unlearn.mri.sampling import Sampling

Models = Annotated[
    list[str], typer.Option("--model", help="NAME=CHECKPOINT, once per model; NAME is the caption.")
]

# written out, so that --help need not import what makes them
MAPS = (
    "What is highlighted: error, null-space, measurement, coil-null-space, coil-measurement, "
    "sfrc or disagreement."
)


@app.command()
def reconstruct(
    scan: Path,
    model: Annotated[Path, typer.Option(help="Checkpoint (.safetensors, .pt, .ckpt).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HDF5 file to write.")],
    acceleration: Annotated[int | None, typer.Option(min=1)] = None,
    center_fraction: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    device: Device = "auto",
    coils: Annotated[int, typer.Option(min=1, help="Simulated coils of an image file.")] = 4,
) -> None:
    """Reconstruct a scan with one model.

    Example: napari-unlearn reconstruct scan.h5 --model oracle.safetensors -o out.h5
    """
    from napari_unlearn.evaluation.compare import Arm, compare
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.io.reconstruction import write_reconstruction
    from napari_unlearn.terminal import show_comparison

    loaded = open_scan(scan, coils=coils)
    arms = [Arm(model.stem, "other", model)]
    sampling = _sampling(acceleration, center_fraction)
    events = compare(loaded, arms, sampling=sampling, device=device, cancel=CancelToken())
    comparison = show_comparison(events)
    write_reconstruction(output, comparison.arms[0].images, comparison.header)
    typer.echo(f"{output} written.")


@app.command()
def compare(
    scan: Path,
    model: Models,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    acceleration: Annotated[int | None, typer.Option(min=1)] = None,
    center_fraction: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    device: Device = "auto",
    coils: Annotated[int, typer.Option(min=1, help="Simulated coils of an image file.")] = 4,
    echo: Annotated[int, typer.Option(min=0, help="Echo of a multi-echo DICOM series.")] = 0,
    size: Annotated[int | None, typer.Option(min=32, help="Resample an image file.")] = None,
    mode: Annotated[str, typer.Option("--map", help=MAPS)] = "error",
    lam: Annotated[
        float | None,
        typer.Option(help="λ of null-space and measurement; from the data if left out."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="Threshold: oracle, bhadra or authors; "
            "if left out that of the map's authors, else oracle."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run several models on one scan: figure, maps, numbers.

    Example: napari-unlearn compare scan.h5 --model original=a.safetensors
    --model oracle=b.safetensors -o out
    """
    from napari_unlearn.evaluation.compare import compare as run
    from napari_unlearn.evaluation.export import export_comparison
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.terminal import format_quality, show_comparison

    arms = _arms(model)
    matrix = None if size is None else (size, size)
    loaded = open_scan(scan, coils=coils, echo=echo, matrix=matrix)
    sampling = _sampling(acceleration, center_fraction)
    events = run(
        loaded,
        arms,
        sampling=sampling,
        device=device,
        cancel=CancelToken(),
        mode=mode,
        lam=lam,
        rule=rule,
    )
    comparison = show_comparison(events)
    export_comparison(comparison, output)
    typer.echo(format_quality(comparison, as_json))


def _sampling(acceleration: int | None, center_fraction: float | None) -> "Sampling | None":
    """None leaves the choice to the scan or the model's card."""
    from napari_unlearn.mri.sampling import Sampling

    if acceleration is None and center_fraction is None:
        return None
    if acceleration is None:
        raise typer.BadParameter("--center-fraction needs --acceleration as well.")
    share = 0.32 / acceleration if center_fraction is None else center_fraction
    return Sampling("equispaced", acceleration, share)


def _arms(models: list[str]) -> "list[Arm]":
    from napari_unlearn.evaluation.compare import Arm

    arms = []
    for text in models:
        name, found, path = text.partition("=")
        if not found or not name or not path:
            raise typer.BadParameter(f"'{text}' is not NAME=CHECKPOINT.")
        arms.append(Arm(name, _role(name), Path(path)))
    return arms


def _role(name: str) -> "Role":
    """The role that a caption names, e.g. "Unlearned DC" is unlearned."""
    word = name.lower()
    if word.startswith("original"):
        return "original"
    if word.startswith("oracle"):
        return "oracle"
    return "unlearned" if word.startswith("unlearned") else "other"
