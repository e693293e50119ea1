"""The command line: a thin face on the rooms below, one file per group of commands."""

import os
import sys
from functools import partial

import typer

from napari_unlearn.cli import (
    adapters,
    audit,
    benchmark,
    benchmark_networks,
    check,
    evaluate,
    look,
    read,
    reconstruct,
    report,
    responsible,
    runs,
    segment,
    simulate,
    study,
    suspects,
    sweep,
)
from napari_unlearn.cli.app import app
from napari_unlearn.errors import UnlearnError, WrongUse

__all__ = [
    "adapters",
    "app",
    "audit",
    "check",
    "benchmark",
    "benchmark_networks",
    "evaluate",
    "look",
    "main",
    "read",
    "reconstruct",
    "report",
    "responsible",
    "runs",
    "segment",
    "simulate",
    "study",
    "suspects",
    "sweep",
]


def main() -> None:
    """Run a command; a mistake ends in one sentence, exit code 1 (failed) or 2 (wrong use)."""
    try:
        app()
    except UnlearnError as error:
        code = 2 if isinstance(error, WrongUse) else 1
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun's processes say it once
            from napari_unlearn.unlearning.ranks import leave

            leave(error, partial(typer.echo, err=True), code)
        typer.echo(str(error), err=True)
        sys.exit(code)
