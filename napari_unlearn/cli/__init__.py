"""The command line: a thin face on the rooms below, one file per group of commands."""

import sys

import typer

from napari_unlearn.cli import (
    adapters,
    benchmark,
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
from napari_unlearn.errors import Cancelled, UnlearnError, WrongUse

__all__ = [
    "adapters",
    "app",
    "check",
    "benchmark",
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

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""


def main() -> None:
    """Run a command; a mistake ends in one sentence, exit code 1 (failed) or 2 (wrong use).

    Ctrl-C ends it with a sentence and exit code 130.
    """
    try:
        app()
    except UnlearnError as error:
        typer.echo(str(error), err=True)
        known = {Cancelled: INTERRUPTED, WrongUse: 2}
        sys.exit(next((code for kind, code in known.items() if isinstance(error, kind)), 1))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer says nothing
            typer.echo("Interrupted; nothing is half-written.", err=True)
        raise
