"""Measure this machine: how smoothly the window runs while it unlearns."""

import json
from typing import Annotated

import typer

from napari_unlearn.cli.app import AsJson, app

benchmark = typer.Typer(no_args_is_help=True, help="Measure what this machine does.")
app.add_typer(benchmark, name="benchmark")


@benchmark.callback()
def _choose() -> None:
    """Measure what this machine does."""


@benchmark.command()
def gui(
    seconds: Annotated[float, typer.Option(min=1.0, help="Idle, and beside the job.")] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Open the viewer, unlearn in it, and tell the gaps between turns of its event loop.

    Example: napari-unlearn benchmark gui --seconds 30 --json
    """
    from dataclasses import asdict

    from napari_unlearn.viewer.benchmark_gui import measure_window
    from napari_unlearn.viewer.event_loop import LIMIT

    report = measure_window(seconds)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    head = ("gaps [ms]", "50 %", "99 %", "99.9 %", "worst", "turns", f"under {LIMIT:.0f} ms")
    typer.echo("{:<10}{:>8}{:>8}{:>8}{:>8}{:>8}{:>13}".format(*head))
    for name, gaps in (("idle", report.idle), ("job", report.job), ("result", report.result)):
        typer.echo(
            f"{name:<10}{gaps.median:>8.1f}{gaps.p99:>8.1f}{gaps.p999:>8.1f}{gaps.worst:>8.1f}"
            f"{gaps.turns:>8}{100 * gaps.within_limit:>11.3f} %"
        )
    for stall in report.stalls:
        typer.echo(
            f"{stall.phase}, {stall.at:.2f} s: {stall.milliseconds:.0f} ms, "
            f"{stall.cpu:.0f} ms of them at work"
        )
    load = ", ".join(f"{each:.1f}" for each in report.load)
    typer.echo(
        f"{report.steps} steps, {report.previews} previews, {report.outcome}; "
        f"{report.cores} cores, load {load}."
    )
