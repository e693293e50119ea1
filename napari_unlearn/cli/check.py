"""Look before the work: check an experiment, or write one to start from."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unlearn.cli.app import AsJson, Device, ExperimentPath, Threads, app

if TYPE_CHECKING:
    from napari_unlearn.experiment.preflight import Report


@app.command()
def check(
    experiment: ExperimentPath,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="original, oracle or a strategy; repeatable, default all."),
    ] = None,
    timing: Annotated[bool, typer.Option(help="Take two steps to estimate the time.")] = True,
    as_json: AsJson = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Look before the work: sets, patients, sampling, disk, memory, device, time.

    Of scans it reads headers only, of 3D subjects everything once; it writes nothing. Exit
    code 1 if there is an error.

    Example: napari-unlearn check study --strategy oracle --strategy nl-ft
    """
    import torch

    from napari_unlearn.experiment import Experiment
    from napari_unlearn.experiment.preflight import preflight

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = Experiment.load(experiment)
    report = preflight(loaded, strategy or (), device=device, timing=timing)
    typer.echo(_as_json(report) if as_json else _as_text(report))
    if report.errors:
        sys.exit(1)


@app.command()
def example(
    folder: Path,
    paper: Annotated[
        Literal["erase-to-enhance", "to-forget-is-to-preserve"],
        typer.Option(help="Reconstruction on fastMRI, or 3D segmentation on MRBrainS18."),
    ] = "erase-to-enhance",
) -> None:
    """Write the full configuration of a paper as an experiment to start from.

    Set data.root in it to where fastMRI's folders, or MRBrainS18's subjects, lie.

    Example: napari-unlearn example study --paper to-forget-is-to-preserve
    """
    from importlib.resources import files

    from napari_unlearn.atomic import write_whole
    from napari_unlearn.errors import WrongUse
    from napari_unlearn.experiment import FILE

    path = folder / FILE
    if path.exists():
        raise WrongUse(f"{path}: is there already; accepted: a folder without {FILE}.")
    source = files("napari_unlearn") / "examples" / f"{paper.replace('-', '_')}.toml"
    write_whole(path, source.read_bytes())
    typer.echo(f"{path} written; set data.root in it, then: napari-unlearn check {folder}")


def _as_json(report: "Report") -> str:
    from dataclasses import asdict

    about = asdict(report)
    about["sets"] = {
        name: dict(zip(report.units, counts, strict=True)) for name, counts in report.sets.items()
    }
    return json.dumps({**about, "errors": len(report.errors)}, ensure_ascii=False, indent=2)


def _as_text(report: "Report") -> str:
    from napari_unlearn.models.memory import amount

    people, samples = report.units
    sample = samples.removesuffix("s")
    lines = [f"{report.experiment} on {report.device or 'no device'}"]
    lines += [
        f"  {name}: {many} {people}, {more} {samples}" for name, (many, more) in report.sets.items()
    ]
    if report.plans:
        lines.append(f"{'run':<22}{'steps':>9}{'memory':>11}{'time':>12}")
    for plan in report.plans:
        time = "" if plan.seconds is None else _duration(plan.seconds)
        lines.append(f"{plan.name:<22}{plan.steps:>9}{amount(plan.memory):>11}{time:>12}")
    if report.plans:
        lines.append(f"Checkpoints and resume files of all: {amount(report.disk)}.")
        lines.append(f"Memory is counted for the largest {sample} in float32, an upper bound.")
    if report.pace is not None:
        lines.append(
            f"Time is steps and tests at {report.pace.step:.3g} s per step and {sample} and "
            f"{report.pace.reconstruction:.3g} s per test {sample}, both timed on the first one."
        )
    lines += [f"{finding.level}: {finding.text}" for finding in report.findings]
    if not report.findings:
        lines.append("Nothing stands in the way.")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
