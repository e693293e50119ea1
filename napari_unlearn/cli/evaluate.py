"""Judge the runs of an experiment, or of several that differ in their training seed."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.cli.app import Deidentify, Device, app
from napari_unlearn.errors import WrongUse

if TYPE_CHECKING:
    from napari_unlearn.evaluation.subject_results import SubjectResult
    from napari_unlearn.evaluation.table import RunResult
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.pseudonym import Pseudonyms


@app.command()
def evaluate(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXP...",
            help="experiment.toml, or its folder; several are taken as training seeds of one.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--json", help="Write per-sample values and averages here; a folder for several seeds."
        ),
    ] = None,
    paper: Annotated[
        Path | None, typer.Option(help="Folder for the paper's tables and figures.")
    ] = None,
    relearn: Annotated[
        bool, typer.Option("--relearn", help="Count the steps that each run needs to relearn.")
    ] = False,
    relearn_target: Annotated[
        float,
        typer.Option(help="SSIM to relearn: 0 is the oracle's, 1 the original's."),
    ] = 0.5,
    figure_slice: Annotated[
        str | None, typer.Option(help="SCAN:INDEX of figure 1; needs --paper.")
    ] = None,
    figure_runs: Annotated[
        str, typer.Option(help="Runs in figure 1, from left to right.")
    ] = "original,nl-ft",
    deidentify: Deidentify = True,
    device: Device = "auto",
) -> None:
    """Judge every run of an experiment on its test sets, against the oracle.

    With --paper also on the forget set itself: tables 1 to 3 and figures 3 and 5 of
    "Erase to Enhance", with oracle gaps, ToW and cost beside them, and figure 1 for the
    slice of --figure-slice. Several experiments are seeds: mean ± sd over them.

    A segmentation's runs are judged subject by subject: Dice and MAE on retain, forget and
    held-out subjects, gaps, agreement with the oracle, a membership attack, cost, and every
    structure's Dice, HD95 and volume.

    Example: napari-unlearn evaluate study --json results.json --paper study/paper

    Example: napari-unlearn evaluate seed-0 seed-1 seed-2 --relearn --json results
    """
    from napari_unlearn.evaluation.nearness import nearness_table, over_seeds
    from napari_unlearn.evaluation.relearn import Attack
    from napari_unlearn.evaluation.results import format_table, write_results
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.study.judge import draw_figure_1, judge
    from napari_unlearn.terminal import show_evaluation

    if figure_slice is not None and paper is None:
        raise typer.BadParameter("--figure-slice needs --paper, the folder it is written to.")
    attack = Attack(target_share=relearn_target) if relearn else None
    people = naming(deidentify)
    several = len(experiments) > 1
    names = _names(experiments)
    studies = [Experiment.load(path) for path in experiments]
    if _by_subject(studies):
        if paper is not None or relearn:
            raise WrongUse(
                f"{'--paper' if paper is not None else '--relearn'} is about reconstructions, and "
                f"{experiments[0]} is a segmentation; its tables need no option."
            )
        _evaluate_subjects(studies, names, output, people, device)
        return
    seeds = []
    for loaded, name in zip(studies, names, strict=True):
        events = judge(loaded, on_forget_set=paper is not None, attack=attack, device=device)
        results = [_called(result, people) for result in show_evaluation(events)]
        seeds.append(results)
        typer.echo((f"### {name}\n\n" if several else "") + format_table(results) + "\n")
        if output is not None:
            write_results(output / f"{name}.json" if several else output, loaded.name, results)
        if paper is None:
            continue
        folder = paper / name if several else paper
        count = _write_paper(folder, loaded, results)
        if figure_slice is not None:
            shown = [run.strip() for run in figure_runs.split(",") if run.strip()]
            drawn = draw_figure_1(loaded, folder, figure_slice, shown, device, people)
            count += len(drawn)
        typer.echo(f"{count} files written to {folder}.")
    typer.echo(nearness_table(over_seeds(seeds)).markdown())


def _called(result: "RunResult", people: "Pseudonyms") -> "RunResult":
    """The same figures with scans and patients under other names."""
    samples = tuple(
        replace(s, scan=people.of("scan", s.scan), patient=people.of("patient", s.patient))
        for s in result.samples
    )
    return replace(result, samples=samples)


def _subjects_called(result: "SubjectResult", people: "Pseudonyms") -> "SubjectResult":
    """Likewise of a segmentation."""
    subjects = tuple(replace(s, subject=people.of("subject", s.subject)) for s in result.subjects)
    attack = result.membership
    if attack is not None:
        attack = replace(
            attack,
            members=tuple(people.of("subject", one) for one in attack.members),
            others=tuple(people.of("subject", one) for one in attack.others),
        )
    return replace(result, subjects=subjects, membership=attack)


def _by_subject(studies: "list[Experiment]") -> bool:
    """Whether the experiments are segmentations, judged subject by subject."""
    from napari_unlearn.study.judge import JUDGED_BY_SUBJECT

    tasks = {study.task for study in studies}
    if len(tasks) > 1:
        raise WrongUse(
            f"Seeds of one experiment share its task; these are of {' and '.join(sorted(tasks))}."
        )
    return tasks <= set(JUDGED_BY_SUBJECT)


def _evaluate_subjects(
    studies: "list[Experiment]",
    names: list[str],
    output: Path | None,
    people: "Pseudonyms",
    device: str,
) -> None:
    """One table per experiment, and one over all of them if there are several."""
    from napari_unlearn.evaluation.subject_results import write_subjects
    from napari_unlearn.evaluation.subject_tables import format_subjects, over_seeds, subject_table
    from napari_unlearn.study.judge import judge_subjects
    from napari_unlearn.terminal import show_evaluation

    several, seeds = len(studies) > 1, []
    for study, name in zip(studies, names, strict=True):
        judged = show_evaluation(judge_subjects(study, device=device))
        results = [_subjects_called(result, people) for result in judged]
        seeds.append(results)
        typer.echo((f"### {name}\n\n" if several else "") + format_subjects(results) + "\n")
        if output is not None:
            write_subjects(output / f"{name}.json" if several else output, study.name, results)
    if several:
        typer.echo(f"### All of them\n\n{subject_table(over_seeds(seeds)).markdown()}")


def _write_paper(folder: Path, experiment: "Experiment", results: "list[RunResult]") -> int:
    from napari_unlearn.evaluation.paper_figures import write_paper

    fraction = experiment.unlearning.retain_fraction
    command = f"napari-unlearn evaluate EXP --paper {folder.name}"
    files = write_paper(
        folder,
        experiment.name,
        results,
        experiment.runs,
        default_fraction=fraction,
        command=command,
    )
    return len(files)


def _names(experiments: list[Path]) -> list[str]:
    """Of the folders; numbered where two are called alike."""
    folders = [path.name if path.is_dir() else path.resolve().parent.name for path in experiments]
    folders = [name or "experiment" for name in folders]
    if len(set(folders)) == len(folders):
        return folders
    return [f"{number}-{name}" for number, name in enumerate(folders)]
