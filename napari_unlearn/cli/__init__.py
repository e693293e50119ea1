"""The command line: a thin face on the rooms below, one file per group of commands."""

import sys

import typer

from napari_unlearn.cli import (
    benchmark,
    evaluate,
    look,
    reconstruct,
    runs,
    simulate,
    suspects,
    sweep,
)
from napari_unlearn.cli.app import app
from napari_unlearn.errors import UnlearnError

__all__ = [
    "app",
    "benchmark",
    "evaluate",
    "look",
    "main",
    "reconstruct",
    "runs",
    "simulate",
    "suspects",
    "sweep",
]


def main() -> None:
    """Run a command; a user's mistake ends in one sentence and exit code 1."""
    try:
        app()
    except UnlearnError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
