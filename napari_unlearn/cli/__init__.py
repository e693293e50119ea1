"""The command line: a thin face on the rooms below, one file per group of commands."""

import sys

import typer

from napari_unlearn.cli import (
    adapters,
    benchmark,
    benchmark_networks,
    check,
    evaluate,
    look,
    read,
    reconstruct,
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
    "check",
    "benchmark",
    "benchmark_networks",
    "evaluate",
    "look",
    "main",
    "read",
    "reconstruct",
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
        typer.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, WrongUse) else 1)
