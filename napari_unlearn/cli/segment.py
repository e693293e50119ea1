"""Label a volume with one model."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unlearn.cli.app import AsJson, Deidentify, Device, app
from napari_unlearn.errors import WrongUse

if TYPE_CHECKING:
    from napari_unlearn.io.subject_files import SubjectFiles


@app.command()
def segment(
    model: Annotated[Path, typer.Option(help="Checkpoint (.safetensors, MedicalNet's .pth).")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".nii or .nii.gz to write.")],
    volume: Annotated[
        Path | None,
        typer.Argument(help="NIfTI file (one contrast, or several as a series) or folder."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE, once per contrast, instead of VOLUME."),
    ] = None,
    subject: Annotated[str, typer.Option(help="Whom to segment of a folder of several.")] = "",
    window: Annotated[
        tuple[int, int, int] | None,
        typer.Option(min=8, help="Slices, rows, columns: label in overlapping windows."),
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Of windows, share of their edge.")
    ] = 0.25,
    precision: Annotated[
        Literal["32-true", "bf16-mixed"], typer.Option(help="As Lightning Fabric names it.")
    ] = "32-true",
    device: Device = "auto",
    deidentify: Deidentify = True,
    as_json: AsJson = False,
) -> None:
    """Label the structures of a volume with one model, on the volume's own grid.

    A volume of more than 2^24 voxels, or one that memory does not hold, is labelled in windows
    in any case; so is any with --window.

    The labels' file has the axes, the affine and the units of the volume's, and nothing else of
    it; --json names the subject by pseudonym unless --identify asks for the name. VOLUME may also
    be a subject's folder: MRBrainS18's, or one with a file per contrast such as T1.nii.gz.

    Example: napari-unlearn segment head.nii.gz --model oracle.safetensors -o labels.nii.gz

    Example: napari-unlearn segment --channel T1=t1.nii.gz --channel FLAIR=flair.nii.gz
    --model oracle.safetensors -o labels.nii.gz
    """
    files = _files(volume, channel or [], subject)
    _check_output(output, model, files)

    from napari_unlearn.evaluation.segment import check_segments, segmenting, structure_volumes
    from napari_unlearn.io.label_volume import write_labels
    from napari_unlearn.io.open_subject import load_images
    from napari_unlearn.models.device import resolve_device
    from napari_unlearn.models.load import load_model
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.terminal import ERR, show_windows

    names = naming(deidentify)

    place = resolve_device(device)
    network, card = load_model(model, place)
    check_segments(card)
    with ERR.status("Reading"):
        images = load_images(files)
    work = segmenting(
        network, card, images, place, window=window, overlap=overlap, precision=precision
    )
    labels = show_windows(work, "Segmenting")
    write_labels(output, labels, images.affine, like=files.images[0][1])
    structures = structure_volumes(labels, images.affine, card)
    if as_json:
        about = {
            "subject": names.of("subject", files.subject),
            "model": card.title or model.stem,
            "output": str(output),
            "structures": [
                {"label": s.label, "name": s.name, "voxels": s.voxels, "volume_ml": s.volume}
                for s in structures
            ],
        }
        typer.echo(json.dumps(about, ensure_ascii=False))
        return
    typer.echo(f"{'structure':<28}{'voxels':>10}{'volume':>13}")
    for s in structures:
        typer.echo(f"{s.label:>2} {s.name:<25}{s.voxels:>10}{s.volume:>10.1f} ml")
    typer.echo(f"{output} written.")


def _files(volume: Path | None, channels: list[str], subject: str) -> "SubjectFiles":
    from napari_unlearn.io.open_subject import find_subject
    from napari_unlearn.io.subject_files import SubjectFiles

    if (volume is None) == (not channels):
        raise typer.BadParameter("Give either VOLUME or --channel NAME=FILE once per contrast.")
    if volume is not None:
        return find_subject(volume, subject)
    images = {}
    for text in channels:
        name, _, path = text.partition("=")
        if not name or not path or name in images:
            raise typer.BadParameter(f"'{text}' is not NAME=FILE with a NAME of its own.")
        images[name] = Path(path)
    first = next(iter(images.values()))
    known = subject or find_subject(first).subject
    return SubjectFiles(known, tuple(images.items()))


def _check_output(output: Path, model: Path, files: "SubjectFiles") -> None:
    """Before any work: what may not be written.

    Raises:
        WrongUse: if it is one of the files that are read, or no NIfTI file.
    """
    if not output.name.endswith((".nii", ".nii.gz")):
        raise WrongUse(f"{output}: labels are written as NIfTI; accepted: .nii or .nii.gz.")
    read = [model, *(path for _, path in files.images)]
    read += [files.labels] if files.labels is not None else []
    for path in read:
        if output.exists() and path.exists() and os.path.samefile(output, path):
            raise WrongUse(f"{output}: is what is read; give the labels a file of their own.")
