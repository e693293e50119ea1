"""The one application that every command joins, and the options several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from napari_unlearn.experiment import Experiment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make MRI models forget, and see that they forgot.",
)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1")]
AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]
ExperimentPath = Annotated[Path, typer.Argument(help="experiment.toml, or its folder.")]
Deidentify = Annotated[
    bool,
    typer.Option(
        "--deidentify/--identify",
        help="Pseudonyms, or the names of scans and patients as they are.",
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads.")]
Processes = Annotated[
    int,
    typer.Option(
        min=1, help="Processes on this machine that share every step, as torchrun starts them."
    ),
]
Resume = Annotated[bool, typer.Option(help="Go on where a stopped run was.")]


def chosen_run(study: "Experiment", name: str) -> Path:
    """The checkpoint of a finished run.

    Raises:
        UnlearnError: if there is none of that name.
    """
    if name not in study.runs:
        accepted = ", ".join(study.runs) or "none yet; train the original first"
        raise UnlearnError(f"There is no run '{name}' in {study.folder}; accepted: {accepted}.")
    return study.runs[name]
