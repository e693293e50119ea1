"""Do the attacks work? A sample learnt by heart must be found, an untrained model give a half."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_unlearn.audit.losses import ByPerson, losses_of
from napari_unlearn.audit.membership import auc_of
from napari_unlearn.audit.people import people_of
from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.membership import attack
from napari_unlearn.evaluation.statistics import Estimate
from napari_unlearn.models.registry import build
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Reconstruction, Task
from napari_unlearn.unlearning.volumes import VolumeSet

PLANTED = 1
"""People learnt by heart."""
PEOPLE = 20
"""Of whom every model is asked, beside those."""
FOUND, BAD = 0.9, 0.1
"""AUC from which on a planted sample counts as found, and up to which as recognisably bad."""


@dataclass(frozen=True)
class Check:
    """One attack on a model of which the answer is known."""

    task: str
    model: str
    """What was done to it."""
    expected: str
    auc: Estimate
    passed: bool


@dataclass(frozen=True)
class Trial:
    """A task in miniature."""

    task: Task[Any]
    samples: SampleSet
    """The planted people first."""
    architecture: str
    parameters: Mapping[str, int | float | bool | str]
    steps: int
    rate: float


def run_self_test(
    seed: int = 0, cancel: CancelToken | None = None
) -> Iterator[tuple[int, int] | list[Check]]:
    """Attack models of both tasks whose training is known, on simulated people.

    An untrained network must give an interval that holds 0.5. One trained on a single sample
    until it knows it by heart must give that sample away (AUC at least 0.9). The same one pushed
    away from that sample again, by gradient ascent, must give it away by being bad (at most 0.1).

    Args:
        seed: of people and weights.
        cancel: looked at before each step.

    Yields:
        Checks done and in all; at last the checks.
    """
    cancel = cancel or CancelToken()
    found: list[Check] = []
    for trial in (_slices(seed), _volumes(seed)):
        torch.manual_seed(seed)
        model = build(trial.architecture, dict(trial.parameters))
        losses = _losses(trial, model)
        names = list(losses)
        half = names[: len(names) // 2]
        some = {who: losses[who] for who in half}
        rest = {who: losses[who] for who in names[len(names) // 2 :]}
        untrained = auc_of(attack(some, rest))
        holds = untrained.low is not None and untrained.high is not None
        chance = holds and untrained.low <= 0.5 <= untrained.high  # type: ignore[operator]
        found.append(_check(trial, "untrained", "an interval with 0.5", untrained, chance))
        yield len(found), 6
        _fit(trial, model, trial.steps, 1, cancel)
        planted = _planted(_losses(trial, model))
        passed = planted.value >= FOUND
        found.append(
            _check(trial, "one sample learnt by heart", f"at least {FOUND}", planted, passed)
        )
        yield len(found), 6
        _fit(trial, model, trial.steps // 4, -1, cancel)
        bad = _planted(_losses(trial, model))
        passed = bad.value <= BAD
        found.append(_check(trial, "the same, then destroyed", f"at most {BAD}", bad, passed))
        yield len(found), 6
    yield found


def _check(trial: Trial, model: str, expected: str, auc: Estimate, passed: bool) -> Check:
    return Check(trial.task.name, model, expected, auc, passed)


def _slices(seed: int) -> Trial:
    scans = [
        simulate_subject("knee", 5000 + 100 * seed + n, slices=1, size=32, coils=2)
        for n in range(PLANTED + PEOPLE)
    ]
    parameters = {"cascades": 1, "channels": 6, "pools": 2, "sens_channels": 2, "sens_pools": 1}
    samples = SliceSet(scans, Sampling("equispaced", 4, 0.08))
    return Trial(Reconstruction(), samples, "varnet", parameters, 200, 3e-3)


def _volumes(seed: int) -> Trial:
    heads = [simulate_head(5000 + 100 * seed + n, (16, 16, 16)) for n in range(PLANTED + PEOPLE)]
    parameters = {
        "depth": 10,
        "in_channels": len(heads[0].images),
        "classes": 11,
        "width": 4,
        "widest": 16,
        "stem_stride": 2,
    }
    task = Segmentation(frozen_statistics=True)
    return Trial(task, VolumeSet(heads, 11), "med3d", parameters, 120, 3e-3)


def _losses(trial: Trial, model: nn.Module) -> ByPerson:
    people = people_of(trial.samples, "person")
    return losses_of(trial.task, model, trial.samples, people, torch.device("cpu"))


def _planted(losses: ByPerson) -> Estimate:
    names = list(losses)
    members = {who: losses[who] for who in names[:PLANTED]}
    return auc_of(attack(members, {who: losses[who] for who in names[PLANTED:]}))


def _fit(trial: Trial, model: nn.Module, steps: int, sign: int, cancel: CancelToken) -> None:
    """Descend on the planted samples, or with sign -1 ascend."""
    batches = [trial.samples.batch(n) for n in range(PLANTED)]
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.rate)
    model.train()
    for step in range(steps):
        cancel.check()
        loss = sign * trial.task.loss(model, batches[step % PLANTED])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def text(checks: list[Check]) -> str:
    """One line per check."""
    width = max(len(check.model) for check in checks)
    lines = [
        f"{'ok' if check.passed else 'FAILED':<7}{check.task:<16}{check.model:<{width + 2}}"
        f"AUC {np.round(check.auc.value, 3):<6g} expected {check.expected}"
        for check in checks
    ]
    return "\n".join(lines)
