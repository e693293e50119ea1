"""The command that goes from an outlined hallucination to a proposed forget set."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_unlearn.atomic import write_whole
from napari_unlearn.cli.app import Deidentify, Device, ExperimentPath, app, chosen_run
from napari_unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from napari_unlearn.evaluation.responsibility import Responsibility
    from napari_unlearn.experiment import Experiment


@app.command()
def responsible(
    experiment: ExperimentPath,
    scan: Annotated[Path, typer.Option(help="The scan with the hallucination.")],
    index: Annotated[int, typer.Option("--slice", min=0, help="Its slice, from 0.")],
    region: Annotated[
        str,
        typer.Option(help="Rows and columns r0:r1,c0:c1, or a GeoJSON file of polygons."),
    ],
    model: Annotated[str, typer.Option(help="Which run's model invented it.")] = "original",
    top: Annotated[int, typer.Option(min=1, help="Slices to list.")] = 20,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="TOML file for the proposed forget set.")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the scores of all slices here.")
    ] = None,
    method: Annotated[
        Literal["healing", "alignment"], typer.Option(help="How slices are scored.")
    ] = "healing",
    against: Annotated[
        Literal["reference", "surroundings"] | None,
        typer.Option(help="What should be inside; by default the reference, if there is one."),
    ] = None,
    deidentify: Deidentify = False,
    device: Device = "auto",
) -> None:
    """Rank the training slices that taught a model what it paints inside an outline.

    healing lets the model unlearn what is outlined and asks which slices object; alignment
    compares gradients. The scans with a slice that stands out are proposed as a forget set, in
    the form of the experiment file. Names the scans, as that is what it is for, unless
    --deidentify asks for pseudonyms; a proposed forget set has to name them.

    Example: napari-unlearn responsible study --scan scan.h5 --slice 1 --region 20:46,24:48
    -o forget.toml
    """
    from napari_unlearn.evaluation.invention import Outline
    from napari_unlearn.evaluation.outline import read_outline
    from napari_unlearn.evaluation.responsibility import format_responsibility
    from napari_unlearn.evaluation.responsible import find_responsible
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.terminal import show_responsible

    study = Experiment.load(experiment)
    study.expect("reconstruction", "a segmentation paints no images")
    checkpoint, opened = chosen_run(study, model), open_scan(scan)
    shape = (opened.header.image_rows, opened.header.image_columns)
    outline = Outline(opened, index, read_outline(region, shape), against)
    sets = {name: study.samples(name) for name in ("retain", "forget")}
    found = show_responsible(
        find_responsible(
            checkpoint, sets, outline, sampling=study.mask_rule, method=method, device=device
        )
    )
    shown = found.called(naming(deidentify))
    typer.echo(format_responsibility(shown, top))
    if as_json is not None:
        write_whole(as_json, json.dumps(_figures(shown), ensure_ascii=False, indent=2).encode())
        typer.echo(f"{as_json} written.")
    if output is not None:
        why = f"Proposed for what {model} paints in {scan.name}, slice {index}, region {region}."
        write_proposal(output, study, found, why)
        typer.echo(f"{output} written.")


def _figures(found: "Responsibility") -> dict[str, Any]:
    rows = [{**asdict(each), "stands_out": each.stands_out} for each in found.slices]
    return {
        "sentence": found.sentence,
        "method": found.method,
        "against": found.against,
        "contrast": found.contrast,
        "slices": rows,
    }


def write_proposal(path: Path, study: "Experiment", found: "Responsibility", why: str) -> None:
    """Write the scans with a slice that stands out as a forget set.

    Raises:
        UnlearnError: if none stands out, or all scans would be forgotten.
    """
    from napari_unlearn.experiment.proposal import as_toml

    if not found.proposed:
        raise UnlearnError(f"{path}: not written, as no training slice stands out.")
    text = as_toml(found.regrouped(found.proposed), study.root, [why])
    write_whole(path, text.encode())
