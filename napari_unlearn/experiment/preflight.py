"""Before any hour of work: what an experiment would stumble over, and what it would cost."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.estimate import Pace, measure_pace
from napari_unlearn.experiment.finding import TRAINING, Finding
from napari_unlearn.experiment.plan import ROLES, Plan, plan, timed
from napari_unlearn.models.checkpoint import read_card
from napari_unlearn.models.device import device_name, free_memory, resolve_device
from napari_unlearn.models.memory import amount
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy, strategies_for
from napari_unlearn.unlearning.strategy import Strategy

LEAST_SHARE = 0.67
"""Least share of the counted memory that a run was seen to take on a CPU, in bf16-mixed or not."""
LARGEST_SHARE = 1.25
"""Largest, of networks of the paper's size: 1.02, with checkpointing 1.24 (`benchmark memory`)."""
RESUME_FILES = 9
"""Weights and two moments in the resume file, the one before it, and the next one meanwhile."""


@dataclass(frozen=True)
class Report:
    """What a look before the work found."""

    experiment: str
    device: str
    """By name; empty if there is no such device."""
    sets: Mapping[str, tuple[int, int]]
    """Scans and slices (subjects and volumes) of each set that can be read."""
    units: tuple[str, str]
    """What the two numbers count."""
    findings: tuple[Finding, ...]
    plans: tuple[Plan, ...] = ()
    pace: Pace | None = None
    disk: int = 0
    """Bytes that checkpoints and resume files of all plans take."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What has to be put right first."""
        return tuple(finding for finding in self.findings if finding.level == "error")


def preflight(
    experiment: Experiment,
    names: Sequence[str] = (),
    *,
    device: str = "auto",
    timing: bool = True,
) -> Report:
    """Look before the work: sets, sampling, checkpoints, disk, memory, device, time.

    Of scans only headers are read and of each set at most one slice, of subjects everything
    once; with `timing` two steps are taken on the first sample; nothing is written.

    Args:
        experiment: as loaded.
        names: roles ("original", "oracle") and strategies to plan; none plans them all.
        device: "auto", "cpu", "cuda" or "cuda:1".
        timing: take two steps to estimate the time.

    Raises:
        WrongUse: if there is no strategy of a name.
    """
    asked = {name: find_strategy(name, experiment.task) for name in names if name not in ROLES}
    findings: list[Finding] = []
    sets = _open_sets(experiment, findings)
    kind = experiment.kind
    findings += kind.check(experiment, sets)
    findings += kind.inspect(experiment, sets)
    if not experiment.watched:
        findings.append(Finding("warning", "There is no test set to measure runs on."))
    findings += _checkpoints(experiment, bool(asked))
    counts = {name: (kind.count(samples), len(samples)) for name, samples in sets.items()}
    try:
        chosen = resolve_device(device)
    except UnlearnError as error:
        findings.append(Finding("error", str(error)))
        return Report(experiment.name, "", counts, kind.units, tuple(findings))
    report = Report(experiment.name, device_name(chosen), counts, kind.units, tuple(findings))
    if not all(sets.get(name) for name in TRAINING):
        return report

    strategies: dict[str, Strategy] = {name: TRAIN for name in names or ROLES if name in ROLES}
    strategies |= asked if names else _possible(experiment)
    try:
        weight = kind.weight(experiment, sets)
    except UnlearnError:  # the sample that counts cannot be read, as a finding says already
        return report
    plans = [
        plan(experiment, name, strategy, sets, weight) for name, strategy in strategies.items()
    ]
    disk = weight.weights * (len(plans) + RESUME_FILES)
    findings += _room_on_disk(experiment.folder, disk)
    findings += _room_in_memory(plans, chosen, kind.lighter)
    pace = None
    if timing and not any(finding.level == "error" for finding in findings):
        pace = measure_pace(experiment.trial_job(device), kind)
        plans = [
            timed(planned, strategies[planned.name], pace, experiment, sets) for planned in plans
        ]
    return replace(report, findings=tuple(findings), plans=tuple(plans), pace=pace, disk=disk)


def _possible(experiment: Experiment) -> dict[str, Strategy]:
    """Every strategy of the task that the experiment's sets suffice for."""
    return {
        name: entry
        for name, entry in strategies_for(experiment.task).items()
        if set(entry.reads) <= set(experiment.set_names)
    }


def _open_sets(experiment: Experiment, findings: list[Finding]) -> dict[str, Any]:
    """The sets that can be opened; a finding for each of the others."""
    sets: dict[str, Any] = {}
    for name in experiment.set_names:
        try:
            sets[name] = experiment.samples(name)
        except UnlearnError as error:
            finding = Finding("error", str(error))
            # Sets that share a root share what is wrong with it.
            findings += [finding] if finding not in findings else []
    return sets


def _checkpoints(experiment: Experiment, needs_original: bool) -> Iterator[Finding]:
    """Checkpoints that work starts from: there, and of the network that is asked for."""
    starts: list[tuple[str, Path]] = []
    try:
        if experiment.parent is not None:
            starts.append(("training.parent", experiment.parent))
    except UnlearnError as error:
        yield Finding("error", str(error))
    original = experiment.original
    if original.exists():
        starts.append(("the original", original))
    elif needs_original:
        yield Finding("error", f"{original}: no original yet; run 'train --role original' first.")
    wanted = (experiment.model.architecture, dict(experiment.model.parameters))
    for what, path in starts:
        try:
            foreign = experiment.kind.adopt(experiment, path)
            if foreign is not None:
                yield Finding("note", f"{what}: {foreign[1].remark}")
                continue
            card = read_card(path)
        except UnlearnError as error:
            yield Finding("error", f"{what}: {error}")
            continue
        if (card.architecture, card.parameters) != wanted:
            yield Finding(
                "error",
                f"{what}, {path}, is a {card.architecture} with {card.parameters}; [model] asks "
                f"for {wanted[0]} with {wanted[1]}.",
            )


def _room_on_disk(folder: Path, needed: int) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    if needed > free:
        yield Finding(
            "error",
            f"Checkpoints and resume files need {amount(needed)} in {folder}, {amount(free)} are "
            "free there.",
        )


def _room_in_memory(plans: Sequence[Plan], device: torch.device, lighter: str) -> Iterator[Finding]:
    """A step that cannot fit is an error, one that may not fit a warning."""
    free = free_memory(device)
    large = [plan for plan in plans if plan.memory * LARGEST_SHARE > free]
    if not large:
        return
    hopeless = [plan for plan in large if plan.memory * LEAST_SHARE > free]
    most = max(plan.memory for plan in large)
    yield Finding(
        "error" if hopeless else "warning",
        f"A step of {', '.join(plan.name for plan in hopeless or large)} takes about "
        f"{amount(most)} of memory, {amount(free)} are free on {device_name(device)}; "
        f"{lighter}, or checkpointing = true in model.parameters, take less.",
    )
