"""Measure our VarNet against its peers: time and memory."""

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unlearn.cli.app import AsJson, Device, Threads
from napari_unlearn.cli.benchmark import benchmark, what_was_typed

if TYPE_CHECKING:
    from napari_unlearn.benchmarks.race import Race
    from napari_unlearn.benchmarks.report import SpeedReport

_NOT_COMPILED = (
    "napari-unlearn, checkpointing is left out: torch.compile's graphs keep other tensors than "
    "checkpointing finds when it computes them again."
)


@benchmark.command()
def speed(
    sizes: Annotated[
        str, typer.Option(help="Of small, paper, full, toy; several with commas.")
    ] = "small,paper",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each network.")] = 5,
    against: Annotated[
        str, typer.Option(help="Peers: fastMRI, MONAI, or nothing for ours alone.")
    ] = "fastMRI,MONAI",
    full: Annotated[
        bool, typer.Option("--full", help="Ours alone on a whole slice, its step profiled.")
    ] = False,
    memory: Annotated[bool, typer.Option(help="Measure peak memory as well.")] = True,
    gradients: Annotated[bool, typer.Option(help="Judge gradients by double precision.")] = True,
    profile: Annotated[bool, typer.Option(help="Tell where the time goes.")] = True,
    precision: Annotated[
        Literal["fp32", "bf16"], typer.Option(help="bf16 is torch's autocast, for every network.")
    ] = "fp32",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Our U-Nets through torch.compile.")
    ] = False,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Forward pass, training step and memory of our VarNet and of fastMRI's and MONAI's.

    Equal weights, equal output (1e-5, else it fails), one process each, turn by turn; peers are
    measured if they are installed.

    Example: napari-unlearn benchmark speed --sizes small,paper --json

    Example: napari-unlearn benchmark speed --full --device cuda --precision bf16
    """
    from napari_unlearn.benchmarks.names import CHECKPOINTING, OURS
    from napari_unlearn.benchmarks.race import Race

    present, missing = ((OURS, CHECKPOINTING), ()) if full else _chosen(against)
    if compiled:
        present = tuple(name for name in present if name != CHECKPOINTING)
        missing = (*missing, _NOT_COMPILED)
    race = Race(
        sizes=("full",) if full else _sizes(sizes),
        contenders=present,
        rounds=rounds,
        threads=threads or os.cpu_count() or 1,
        device=device,
        precision=precision,
        compiled=compiled,
        memory=memory,
        gradients=gradients and not full,
        shares=profile,
    )
    report = _run(race, missing)
    typer.echo(report.json() if as_json else report.text(), nl=not as_json)


def varnet_memory(sizes: str, device: str, threads: int | None, as_json: bool) -> None:
    """Peak memory of a training step of our VarNet and of its peers."""
    from napari_unlearn.benchmarks.race import Race

    present, missing = _chosen("fastMRI,MONAI")
    race = Race(
        sizes=_sizes(sizes),
        contenders=present,
        threads=threads or os.cpu_count() or 1,
        device=device,
        times=False,
        gradients=False,
        shares=False,
    )
    report = _run(race, missing)
    typer.echo(report.json() if as_json else report.text(), nl=not as_json)


def _run(race: "Race", missing: tuple[str, ...]) -> "SpeedReport":
    from napari_unlearn.benchmarks.race import Lap, machine, run_race
    from napari_unlearn.benchmarks.report import SpeedReport
    from napari_unlearn.cancel import CancelToken
    from napari_unlearn.terminal import ERR

    about, entries = machine(race), []
    with ERR.status("Starting") as status:
        for event in run_race(race, CancelToken()):
            if isinstance(event, Lap):
                status.update(event.text)
            else:
                entries.append(event)
    return SpeedReport(what_was_typed(), about, tuple(entries), missing)


def _chosen(against: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Contenders that can be measured, and sentences on the others.

    Raises:
        WrongUse: There is no such peer.
    """
    from napari_unlearn.benchmarks.contenders import (
        ADVISED,
        CHECKPOINTING,
        CONTENDERS,
        FASTMRI,
        MONAI,
        OURS,
    )
    from napari_unlearn.errors import WrongUse

    asked = _words(against)
    for name in asked:
        if name not in (FASTMRI, MONAI):
            raise WrongUse(f"There is no peer '{name}'; accepted: {FASTMRI}, {MONAI}.")
    wanted = [OURS, CHECKPOINTING, *asked, *([ADVISED] if FASTMRI in asked else [])]
    missing = {name: CONTENDERS[name].missing for name in wanted}
    return (
        tuple(name for name in wanted if not missing[name]),
        tuple(missing[name] for name in asked if missing[name]),
    )


def _sizes(text: str) -> tuple[str, ...]:
    from napari_unlearn.benchmarks.sizes import find_size

    return tuple(find_size(name).name for name in _words(text))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
