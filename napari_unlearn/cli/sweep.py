"""The command that makes many runs of one experiment."""

import shlex
from contextlib import closing
from dataclasses import replace
from typing import Annotated

import typer

from napari_unlearn.cli.app import Device, ExperimentPath, Threads, app
from napari_unlearn.errors import Cancelled, UnlearnError


@app.command()
def sweep(
    experiment: ExperimentPath,
    strategy: Annotated[list[str], typer.Option(help="See 'strategies'; repeatable.")],
    retain_fractions: Annotated[
        str, typer.Option(help="Per cent of the retain set, e.g. 1,5,10,20,50,100.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value,value,... of the strategies; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Overrules epochs.")] = None,
    guard: Annotated[
        float | None,
        typer.Option(min=0.0, help="Stop once retain SSIM fell by more; roll back."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs side by side.")] = 1,
    listed: Annotated[
        bool,
        typer.Option("--list", help="Print one command per run, for a scheduler; run nothing."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Redo finished runs.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Unlearn with every combination of strategies, retain fractions and parameters.

    Finished runs are skipped, unfinished ones resumed. Runs are named STRATEGY@FRACTION or
    STRATEGY+PARAMETER=VALUE where they differ from the experiment or the strategy's defaults.

    Example: napari-unlearn sweep study --strategy nl-ft --strategy ft
    --retain-fractions 1,5,10,20,50,100 --set scale=0.1,0.3,1 --jobs 2

    Example: napari-unlearn sweep study --strategy nl-ft --set scale=0.1,0.3,1 --list > jobs.txt
    """
    from napari_unlearn.cancel import CancelToken
    from napari_unlearn.runs.order import Order
    from napari_unlearn.runs.queue import work_off
    from napari_unlearn.runs.sweep import command, left_to_do
    from napari_unlearn.runs.sweep import sweep as combinations
    from napari_unlearn.terminal import show_queue
    from napari_unlearn.unlearning.guard import Guard

    values = {}
    for setting in settings or []:
        key, _, numbers = setting.partition("=")
        values[key.strip()] = _numbers(numbers, f"'{setting}' is not key=number,number,...")
    shares: list[float] = []
    if retain_fractions:
        complaint = f"'{retain_fractions}' is not a list of per cents, e.g. 1,5,10"
        shares = [share / 100 for share in _numbers(retain_fractions, complaint)]
    template = Order(
        experiment,
        strategy="",
        epochs=epochs,
        steps=steps,
        device=device,
        guard=None if guard is None else Guard(guard),
    )
    orders = combinations(template, strategy, shares, values)
    todo, remarks = left_to_do(orders, again)
    for remark in remarks:
        typer.echo(remark, err=True)
    if listed:
        # A job that is killed and put into the queue again goes on where it was.
        for order in todo:
            typer.echo(shlex.join(command(replace(order, resume=not again), threads)))
        return
    try:
        with closing(work_off(todo, CancelToken(), jobs=jobs, threads=threads)) as events:
            failed = show_queue(events, len(todo))
    except KeyboardInterrupt as stop:
        raise Cancelled(
            "Interrupted; what was saved is kept, and the same command goes on from there."
        ) from stop
    if failed:
        raise UnlearnError(f"{failed} of {len(todo)} runs failed; the lines above say why.")


def _numbers(listed: str, complaint: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(part) for part in listed.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{complaint}.") from error
