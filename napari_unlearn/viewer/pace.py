"""How fast this machine unlearns, from runs that are on disk or from two trial steps."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unlearn.cancel import CancelToken

if TYPE_CHECKING:
    from napari_unlearn.experiment import Experiment

TRIAL_STEPS = 3
"""The first is dropped: it allocates memory that the others find."""


@dataclass(frozen=True)
class Timed:
    """Steps that were timed."""

    run: str
    """Folder under runs/; empty for trial steps."""
    strategy: str
    device: str
    """By name, e.g. "CPU (1 threads)"."""
    steps: int
    seconds_per_step: float


@dataclass(frozen=True)
class Pace:
    """Everything that was timed, the most telling first."""

    timed: tuple[Timed, ...] = ()

    def estimate(
        self, strategy: str, slices_per_step: float, device: str = ""
    ) -> tuple[float, Timed] | None:
        """Seconds per step of a strategy and where they come from; None if nothing is known.

        An earlier run of the same strategy is taken as it is. Otherwise a step is as long as
        the slices it sees: training and trial steps see one.

        Args:
            strategy: Its name.
            slices_per_step: Slices that its average step sees.
            device: By name; runs on another kind of device say nothing. Empty takes any.
        """
        kind = device.split(" (")[0]
        known = [each for each in self.timed if not kind or each.device.startswith(kind)]
        same = next((each for each in known if each.strategy == strategy), None)
        if same is not None:
            return same.seconds_per_step, same
        one = next((each for each in known if each.strategy == "train"), None)
        return None if one is None else (one.seconds_per_step * slices_per_step, one)


def pace_of(experiment: "Experiment", cancel: CancelToken) -> Pace:
    """Time a few steps of training on one slice, and read what earlier runs took.

    The trial needs an original to start from; without one, or if it fails, the earlier runs
    are all there is.
    """
    runs = sorted(_earlier(experiment), key=lambda each: -each.steps)
    try:
        return Pace((*runs, *_trial(experiment, cancel)))
    except Exception:  # an estimate is a courtesy; the run itself will say what is wrong
        return Pace(tuple(runs))


def metrics_of(run: Path) -> dict[str, float]:
    """Figures of a finished run; empty if there are none."""
    return {
        name: float(value)
        for name, value in _json(run / "metrics.json").get("metrics", {}).items()
        if isinstance(value, int | float)
    }


def _earlier(experiment: "Experiment") -> Iterator[Timed]:
    for name in experiment.runs:
        folder = experiment.run_folder(name)
        metrics = metrics_of(folder)
        strategy = str(_json(folder / "metrics.json").get("settings", {}).get("strategy", ""))
        device = _device_of(folder / "events.jsonl")
        steps, seconds = metrics.get("steps", 0.0), metrics.get("seconds", 0.0)
        if strategy and device and steps > 0 and seconds > 0:
            yield Timed(name, strategy, device, int(steps), seconds / steps)


def _trial(experiment: "Experiment", cancel: CancelToken) -> Iterator[Timed]:
    from napari_unlearn.unlearning.events import Started, Step
    from napari_unlearn.unlearning.loop import train

    job = experiment.unlearning_job("ft", {}, steps=TRIAL_STEPS)
    device, at = "", {}
    for event in train(replace(job, folder=None, tests={}), cancel):
        if isinstance(event, Started):
            device = event.device
        elif isinstance(event, Step):
            at[event.step] = event.seconds
    later = TRIAL_STEPS - 1
    yield Timed("", "train", device, later, (at[TRIAL_STEPS] - at[1]) / later)


def _device_of(events: Path) -> str:
    try:
        with events.open(encoding="utf-8") as stream:
            return str(json.loads(stream.readline()).get("device", ""))
    except (OSError, ValueError):
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
