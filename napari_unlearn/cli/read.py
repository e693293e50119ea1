"""Blinded reading studies: make one, look it over, reveal what was read."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.cli.app import AsJson, Deidentify, Device, app
from napari_unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from napari_unlearn.pseudonym import Pseudonyms
    from napari_unlearn.reading.make import Found

read = typer.Typer(no_args_is_help=True, help="Blinded reading studies.")
app.add_typer(read, name="read")

StudyPath = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with a reading.toml.")]


@read.callback()
def _choose() -> None:
    """Blinded reading studies; what is read is read in the Read dock."""


@read.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new study.")],
    images: Annotated[
        Path | None,
        typer.Option("--from", help="CASE/ARM images, or folders that `compare` wrote."),
    ] = None,
    by_arm: Annotated[bool, typer.Option("--by-arm", help="They are ARM/CASE images.")] = False,
    arm: Annotated[
        list[str] | None, typer.Option(help="An arm to take, once per arm; else all.")
    ] = None,
    experiment: Annotated[
        Path | None, typer.Option(help="Reconstruct with the runs of an experiment instead.")
    ] = None,
    scans: Annotated[str, typer.Option("--set", help="Its scans.")] = "retain_test",
    most: Annotated[int | None, typer.Option(min=1, help="So many scans, not all.")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Its reference images are an arm.")
    ] = False,
    question: Annotated[
        list[str] | None,
        typer.Option(help="KEY=TEXT or KEY=TEXT|WHAT 1 MEANS|WHAT 5 MEANS, once per question."),
    ] = None,
    name: Annotated[str, typer.Option(help="Shown to the readers; else the folder's.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of letters and order.")] = 0,
    deidentify: Deidentify = True,
    device: Device = "auto",
) -> None:
    """Make a reading study: every case with an image per arm, hidden behind letters.

    Cases get pseudonyms, and images of --from are copied without their headers; --identify
    keeps names and takes the images where they lie.

    Example: napari-unlearn read new knees --from images --seed 7

    Example: napari-unlearn read new knees --experiment study --set forget_test
    --arm original --arm oracle --arm nl-ft --question "real=Is all of it real?|no|yes"
    """
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.reading.copies import FOLDER as COPIES
    from napari_unlearn.reading.copies import copy_cases
    from napari_unlearn.reading.definition import USUAL
    from napari_unlearn.reading.images import check_images
    from napari_unlearn.reading.make import asked, find_cases, make_study
    from napari_unlearn.reading.study import FILE

    if (images is None) == (experiment is None):
        raise typer.BadParameter("Give either --from FOLDER or --experiment EXP.")
    questions = [asked(text) for text in question] if question else USUAL
    if (folder / FILE).exists():
        raise typer.BadParameter(f"{folder / FILE} exists already; choose another folder.")
    names = naming(deidentify)
    copied = images is not None and deidentify and not (folder / COPIES).exists()
    try:
        if images is not None:
            found = find_cases(images, by_arm=by_arm, arms=arm or ())
            found = copy_cases(found, folder, names) if deidentify else found
        elif experiment is not None:
            found = _reconstructed(
                experiment, scans, arm or [], folder, reference, most, names, device
            )
        study = make_study(folder, found, name=name, seed=seed, questions=questions)
        cases = len([*check_images(study)])
    except UnlearnError:
        # Nothing that cannot be read is left for a reader to find.
        (folder / FILE).unlink(missing_ok=True)
        if copied:
            shutil.rmtree(folder / COPIES, ignore_errors=True)
        raise
    arms = ", ".join(study.definition.arms)
    typer.echo(f"{study.path} written: {cases} cases, arms {arms}.")


@read.command()
def check(folder: StudyPath, as_json: AsJson = False) -> None:
    """Read every image of a study and tell how far its readers are.

    Tells the arms: not for readers.

    Example: napari-unlearn read check knees
    """
    from dataclasses import asdict

    from napari_unlearn.reading.images import check_images
    from napari_unlearn.reading.reveal import progress_of
    from napari_unlearn.reading.study import ReadingStudy

    study = ReadingStudy.load(folder)
    cases = [*check_images(study)]
    progress = progress_of(study)
    if as_json:
        about = {
            "study": study.definition.name,
            "fingerprint": study.fingerprint,
            "arms": study.definition.arms,
            "cases": cases,
            "readers": [asdict(each) for each in progress],
            "revealed": study.revealed,
        }
        typer.echo(json.dumps(about, ensure_ascii=False))
        return
    lines = [f"{study.definition.name}: arms {', '.join(study.definition.arms)}.", *cases]
    lines += [f"{each.reader}: {each.done} of {each.total} judgements" for each in progress]
    typer.echo("\n".join(lines))


@read.command()
def reveal(
    folder: StudyPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write; else DIR/revealed.")
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Take what there is; needs -o.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Name the arms: judgements, means with intervals, agreement, a plot. It ends the reading.

    With --unfinished and a folder of its own for the results, those who still read can go on.

    Example: napari-unlearn read reveal knees --json
    """
    from napari_unlearn.reading.files import summary, to_json, write_reveal
    from napari_unlearn.reading.reveal import reveal as run
    from napari_unlearn.reading.study import ReadingStudy

    study = ReadingStudy.load(folder)
    if unfinished and output is None:
        raise typer.BadParameter("--unfinished needs -o FOLDER, as DIR/revealed ends the reading.")
    revealed = run(study, unfinished=unfinished)
    written = write_reveal(revealed, output or study.reveal_folder)
    if as_json:
        typer.echo(to_json(revealed))
        return
    typer.echo(summary(revealed) + f"\n\n{len(written)} files written to {written[0].parent}.")


def _reconstructed(
    path: Path,
    scans: str,
    runs: list[str],
    folder: Path,
    reference: bool,
    most: int | None,
    names: "Pseudonyms",
    device: str,
) -> "Found":
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.reading.from_experiment import reconstruct_cases
    from napari_unlearn.terminal import show_reconstructions

    experiment = Experiment.load(path)
    events = reconstruct_cases(
        experiment,
        scans,
        runs or [*experiment.runs],
        folder,
        reference=reference,
        most=most,
        device=device,
        names=names,
    )
    return show_reconstructions(events)
