"""Attack the runs of an experiment, beside original and oracle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.cli.app import AsJson, Device, Threads, app
from napari_unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from napari_unlearn.audit.options import Options


@app.command()
def audit(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXP", help="experiment.toml, or its folder.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(help="Only this run, beside original and oracle; repeatable."),
    ] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            help="Test set of the forget set's kind that nobody was trained on; nonmember or "
            "forget_test if left out."
        ),
    ] = None,
    relearn: Annotated[bool, typer.Option(help="The relearn attack.")] = True,
    inversion: Annotated[
        bool, typer.Option("--inversion", help="The model inversion probe as well.")
    ] = False,
    shadows: Annotated[
        int, typer.Option(min=0, help="U-LiRA with so many shadow originals, an even number.")
    ] = 0,
    margin: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Difference to the oracle's AUC to accept.")
    ] = 0.05,
    figure: Annotated[
        Path | None, typer.Option(help="PNG, SVG or PDF of what an attacker sees.")
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Try the attacks on models whose answer is known.")
    ] = False,
    as_json: AsJson = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Attack every run: who was in the training set, and was it forgotten or only hidden?

    Membership inference against a true hold-out, KS distance and damage beside the oracle, and
    the relearn attack, with intervals over patients and a verdict in words; U-LiRA and model
    inversion on request. Writes runs/audit.json; an earlier one stays beside it under its date.

    Example: napari-unlearn audit study --run nl-ft --inversion

    Example: napari-unlearn audit --self-test
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if self_test:
        _test_itself(as_json)
        return
    if experiment is None:
        raise typer.BadParameter("name an experiment, or --self-test.")
    from napari_unlearn.audit.audit import audit as attack
    from napari_unlearn.audit.inversion import Probe
    from napari_unlearn.audit.options import Options
    from napari_unlearn.audit.report import markdown
    from napari_unlearn.evaluation.relearn import Attack
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.terminal import ERR, show_audit

    study = Experiment.load(experiment)
    options = Options(
        runs=tuple(run or ()),
        hold_out=hold_out,
        relearn=Attack() if relearn else None,
        inversion=Probe() if inversion else None,
        shadows=shadows,
        margin=margin,
    )
    command = _command(options, hold_out)
    found = show_audit(attack(study, options, device, command=command))
    path = found.put(study.folder)
    typer.echo(found.json() if as_json else markdown(found), nl=not as_json)
    ERR.print(f"{path} written.")
    if figure is not None:
        from napari_unlearn.audit.figure import draw_losses
        from napari_unlearn.evaluation.paper_style import save

        ERR.print(f"{save(draw_losses(found), figure)} written.")


def _test_itself(as_json: bool) -> None:
    from napari_unlearn.audit.self_test import run_self_test, text
    from napari_unlearn.terminal import show_attacks

    checks = show_attacks(run_self_test())
    shown = json.dumps([asdict(check) for check in checks], indent=1) if as_json else text(checks)
    typer.echo(shown)
    failed = sum(not check.passed for check in checks)
    if failed:
        raise UnlearnError(f"{failed} of {len(checks)} self-tests of the attacks failed.")


def _command(options: "Options", hold_out: str | None) -> str:
    """What was asked for, but for the folders of this machine."""
    words = ["napari-unlearn audit EXP", *(f"--run {name}" for name in options.runs)]
    words += [f"--hold-out {hold_out}"] if hold_out else []
    words += [] if options.relearn else ["--no-relearn"]
    words += ["--inversion"] if options.inversion else []
    words += [f"--shadows {options.shadows}"] if options.shadows else []
    return " ".join(words)
