"""How many steps the runs of an experiment take, and what they cost in memory and time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.estimate import Pace
from napari_unlearn.experiment.finding import TRAINING
from napari_unlearn.experiment.weight import Weight
from napari_unlearn.unlearning.bench import Bench, Samples
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.strategy import Strategy

ROLES = ("original", "oracle")
SAMPLED_STEPS = 1000
"""Of a schedule, to know its mean cost."""


@dataclass(frozen=True)
class Plan:
    """What one role or strategy would cost."""

    name: str
    steps: int
    memory: int
    """Bytes of one step, counted."""
    measurements: int
    """How often the test sets will be measured."""
    seconds: float | None = None
    """Preparation, steps and measurements of the test sets; None without timing."""


def plan(
    experiment: Experiment,
    name: str,
    strategy: Strategy,
    sets: Mapping[str, Any],
    weight: Weight,
) -> Plan:
    """Steps and memory of a role ("original", "oracle") or strategy."""
    if name in ROLES:
        both = len(sets["retain"]) + len(sets["forget"])
        samples = both if name == "original" else len(sets["retain"])
        epoch = -(-samples // experiment.training.batch_size)
        steps = experiment.equal_steps(both) or experiment.training.epochs * epoch
        measured = -(-steps // (epoch * experiment.training.test_every))
    else:
        job = _job(experiment, strategy, sets)
        steps = job.total_steps
        between = job.steps_per_epoch * experiment.unlearning.test_every
        measured = -(-steps // between) + (strategy.edit is not None)
    return Plan(name, steps, _memory(weight, strategy), measured)


def _job(experiment: Experiment, strategy: Strategy, sets: Mapping[str, Any]) -> Job:
    """The experiment's budget for a strategy, whether or not there is an original yet."""
    budget = experiment.unlearning
    return Job(
        strategy=strategy,
        card=experiment.card("unlearned", strategy.title),
        folder=None,
        retain=_retain(experiment, strategy, sets["retain"]),
        forget=sets["forget"],
        parent=experiment.original,
        task=experiment.kind.task(unlearning=True),
        unseen=sets.get("unseen"),
        epochs=budget.epochs,
        steps=budget.steps,
        batch_size=budget.batch_size,
    )


def _retain(experiment: Experiment, strategy: Strategy, retain: Any) -> Any:
    """The share of the retain set that a strategy repairs on."""
    if strategy.whole_retain_set:
        return retain
    return retain.subset(experiment.unlearning.retain_fraction, experiment.seed)


def _passes(strategy: Strategy, steps: int) -> float:
    """Forward and backward passes per step on average: one per objective in use."""
    places = np.linspace(0, steps - 1, min(steps, SAMPLED_STEPS)).astype(int)
    total = 0
    for place in places:
        weights = strategy.schedule.at(int(place), steps)
        total += strategy.forget is not None and weights.forget != 0
        total += strategy.retain is not None and weights.retain != 0
    return total / max(len(places), 1)


def _preparation(experiment: Experiment, strategy: Strategy, sets: Mapping[str, Any]) -> int:
    """Passes over one sample before the first step."""
    bench = Bench(
        task=experiment.kind.task(unlearning=True),
        model=nn.Identity(),
        weights={},
        sets={name: Samples(sets[name].batch, len(sets[name])) for name in TRAINING},
        learning_rate=0.0,
        gradient_clip=1.0,
    )
    return sum(part.passes(bench) for part in (strategy.scope, strategy.edit) if part is not None)


def _memory(weight: Weight, strategy: Strategy) -> int:
    """Weights, gradient and moments, teachers, and what its objectives keep at the same time."""
    teachers = len(strategy.teachers) * weight.weights
    objectives = sum(part is not None for part in (strategy.forget, strategy.retain))
    return weight.state + teachers + max(1, objectives) * weight.activations


def timed(
    planned: Plan,
    strategy: Strategy,
    pace: Pace,
    experiment: Experiment,
    sets: Mapping[str, Any],
) -> Plan:
    """With the time of preparation and steps, and of measuring the test sets after the epochs."""
    tests = sum(len(samples) for name, samples in sets.items() if name in experiment.watched)
    used = {**sets, "retain": _retain(experiment, strategy, sets["retain"])}
    teaching = len(strategy.teachers) * pace.reconstruction
    budget = experiment.training if planned.name in ROLES else experiment.unlearning
    samples = planned.steps * budget.batch_size
    seconds = samples * (_passes(strategy, planned.steps) * pace.step + teaching)
    seconds += _preparation(experiment, strategy, used) * pace.step
    seconds += planned.measurements * tests * pace.reconstruction
    return replace(planned, seconds=seconds)
