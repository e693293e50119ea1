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
from napari_unlearn.errors import Cancelled, UnlearnError, WrongUse

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

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""


def main() -> None:
    """Run a command; a mistake ends in one sentence, exit code 1 (failed) or 2 (wrong use).

    Ctrl-C ends it with a sentence and exit code 130. So does memory that runs out where no room
    has a better sentence for it, with exit code 1.
    """
    try:
        app()
    except UnlearnError as error:
        known = {Cancelled: INTERRUPTED, WrongUse: 2}
        code = next((code for kind, code in known.items() if isinstance(error, kind)), 1)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun's processes say it once
            from napari_unlearn.unlearning.ranks import leave

            leave(error, partial(typer.echo, err=True), code)
        typer.echo(str(error), err=True)
        sys.exit(code)
    except (MemoryError, RuntimeError) as error:
        if not _ran_out(error):
            raise
        typer.echo(
            "The memory ran out; close other programs, or choose another device, fewer processes "
            "or a smaller model.",
            err=True,
        )
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer says nothing
            typer.echo("Interrupted; nothing is half-written.", err=True)
        raise


def _ran_out(error: MemoryError | RuntimeError) -> bool:
    from napari_unlearn.evaluation.out_of_memory import ran_out

    return ran_out(error)
