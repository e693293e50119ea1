"""Our VarNet against its peers: lanes side by side, one working at a time, turn by turn."""

import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from napari_unlearn.benchmarks.contenders import CONTENDERS, write_weights
from napari_unlearn.benchmarks.lane import Lane, Order, Setting, lanes
from napari_unlearn.benchmarks.names import ADVISED, EXPLAINED, FASTMRI, OURS
from napari_unlearn.benchmarks.report import Entry, Spread
from napari_unlearn.benchmarks.sizes import find_size
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError

TOLERANCE = 1e-5
"""Relative difference of outputs that counts as equal."""


@dataclass(frozen=True)
class Race:
    """What to measure, and how."""

    sizes: tuple[str, ...]
    contenders: tuple[str, ...]
    rounds: int = 5
    threads: int = 1
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    compiled: bool = False
    times: bool = True
    memory: bool = True
    gradients: bool = True
    shares: bool = True


@dataclass(frozen=True)
class Lap:
    """Something was done: what to tell somebody who waits."""

    text: str


def run_race(race: Race, cancel: CancelToken) -> Iterator[Lap | Entry]:
    """Measure each size; one `Entry` per size and contender.

    Every contender lives in a process of its own, with as many threads, and waits while another
    one computes. Times are those of rounds A B C A B C ... after one that warms up; memory is
    measured in fresh processes, one at a time.

    Raises:
        UnlearnError: A network failed, or those of equal weights do not agree to 1e-5.
    """
    for name in race.sizes:
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / f"{name}.pt"
            write_weights(find_size(name), weights)
            setting = Setting(
                name, weights, race.threads, race.device, race.precision, race.compiled
            )
            entries = {each: Entry(name, each) for each in race.contenders}
            if race.memory:
                for each in race.contenders:
                    cancel.check()
                    yield Lap(f"{name}: memory of {each}")
                    with lanes([each], setting) as (lane,):
                        entries[each] = replace(entries[each], peak=lane.ask("peak"))
            if race.times or race.gradients or race.shares:
                with lanes(list(race.contenders), setting) as started:
                    yield from _in_turns(race, name, started, entries, cancel)
            yield from entries.values()


def _in_turns(
    race: Race, name: str, started: Sequence[Lane], entries: dict[str, Entry], cancel: CancelToken
) -> Iterator[Lap]:
    yield Lap(f"{name}: outputs")
    for which, error in _output_errors(started, race.precision).items():
        entries[which] = replace(entries[which], output_error=error)
    if race.times:
        orders: tuple[Order, ...] = ("forward", "step")
        for order in orders:
            times: dict[str, list[float]] = {lane.name: [] for lane in started}
            for number in range(race.rounds + 1):
                cancel.check()
                yield Lap(f"{name}: {order}, round {number} of {race.rounds}")
                for lane in started:
                    times[lane.name].append(lane.ask(order))
            for which, found in times.items():
                spread: dict[str, Any] = {order: Spread.of(found[1:])}
                entries[which] = replace(entries[which], **spread)
    if race.shares:
        for lane in (each for each in started if each.name in EXPLAINED):
            cancel.check()
            yield Lap(f"{name}: shares of the time of {lane.name}")
            entries[lane.name] = replace(entries[lane.name], **_shares(lane.ask("shares")))
    if race.gradients:
        cancel.check()
        yield Lap(f"{name}: gradients")
        for which, error in _gradient_errors(started).items():
            entries[which] = replace(entries[which], gradient_error=error)


def _output_errors(started: Sequence[Lane], precision: str) -> dict[str, float]:
    """Relative differences from fastMRI, or from ours; in bf16 each network's from its fp32."""
    if precision != "fp32":
        return {x.name: _difference(x.ask("output"), x.ask("fp32 output")) for x in started}
    outputs = {each.name: each.ask("output") for each in started if CONTENDERS[each.name].equal}
    judge = FASTMRI if FASTMRI in outputs else OURS
    errors = {each: _difference(outputs[each], outputs[judge]) for each in outputs}
    worst = max(errors, key=lambda each: errors[each])
    if not errors[worst] < TOLERANCE:
        raise UnlearnError(
            f"{worst} and {judge} differ by {errors[worst]:.1e} of the image at equal weights; "
            f"below {TOLERANCE:.0e} they would be equal, so that times can be compared."
        )
    return errors


def _gradient_errors(started: Sequence[Lane]) -> dict[str, float]:
    """Relative differences of all weights' gradients from those in double precision."""
    able = [x for x in started if CONTENDERS[x.name].equal and x.name != ADVISED]
    judge = next((each for each in able if each.name == FASTMRI), able[0])
    found = {each.name: each.ask("gradient") for each in able}
    exact = judge.ask("exact gradient")
    return {name: _difference(gradient, exact) for name, gradient in found.items()}


def _difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    distance = np.linalg.norm(found.astype(np.float64) - expected)
    return float(distance / np.linalg.norm(expected))


def _shares(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "forward_shares": answer["forward"],
        "step_shares": answer["step"],
        "operations": answer["operations"],
        "product_rate": answer["product"],
    }


def machine(race: Race) -> dict[str, str | int]:
    """Where and with what it was measured."""
    about: dict[str, str | int] = {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": race.threads,
        "memory [GiB]": round(psutil.virtual_memory().total / 2**30),
        "device": race.device,
        "precision": race.precision,
        "rounds": race.rounds,
        "load before": f"{psutil.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "torch": torch.__version__,
    }
    if race.device != "cpu" and torch.cuda.is_available():
        about["device"] = torch.cuda.get_device_name()
    for each in race.contenders:
        package = CONTENDERS[each].package or "napari-unlearn"
        about[package] = CONTENDERS[each].version
    return about


def _processor() -> str:
    """Its name where the system tells (Linux), else its architecture."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
