"""Do the attacks work? Who is learnt by heart must be found, an untrained model give a half."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_unlearn.audit.damage import damage_of
from napari_unlearn.audit.losses import ByPerson, losses_of
from napari_unlearn.audit.membership import auc_of, gap_of
from napari_unlearn.audit.people import people_of
from napari_unlearn.audit.verdict import MARGIN, undamaged
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

PLANTED = 2
"""People learnt by heart."""
PEOPLE = 20
"""Of whom every model is asked, beside those."""
FOUND = 0.9
"""AUC from which on planted people count as found."""
CHECKS = 6


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

    An untrained network must give an interval that holds 0.5. One trained on two people until
    it knows them by heart must give them away (AUC at least 0.9). The same one pushed away from
    them again by gradient ascent must be called damaged beside the untrained one.

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
        ignorant = _losses(trial, model)
        found.append(_by_chance(trial, ignorant))
        yield len(found), CHECKS
        _fit(trial, model, trial.steps, 1, cancel)
        learnt = auc_of(attack(*_divided(_losses(trial, model))))
        found.append(
            Check(
                trial.task.name,
                "two people learnt by heart",
                f"at least {FOUND}",
                learnt,
                learnt.value >= FOUND,
            )
        )
        yield len(found), CHECKS
        _fit(trial, model, trial.steps // 4, -1, cancel)
        found.append(_called_out(trial, _losses(trial, model), ignorant))
        yield len(found), CHECKS
    yield found


def _by_chance(trial: Trial, losses: ByPerson) -> Check:
    """One half of the people against the other."""
    names = list(losses)
    middle = len(names) // 2
    halves = [{who: losses[who] for who in part} for part in (names[:middle], names[middle:])]
    auc = auc_of(attack(*halves))
    holds = auc.low is not None and auc.high is not None and auc.low <= 0.5 <= auc.high
    return Check(trial.task.name, "untrained", "an interval with 0.5", auc, holds)


def _called_out(trial: Trial, losses: ByPerson, ignorant: ByPerson) -> Check:
    """The verdict on damage, with the untrained network for an oracle."""
    own, oracle = _divided(losses), _divided(ignorant)
    found, peer = attack(*own), attack(*oracle)
    auc = auc_of(found)
    verdict = undamaged(auc, gap_of(found, peer), damage_of(*own, *oracle), MARGIN)
    passed = verdict.answer == "not supported"
    return Check(trial.task.name, "the same, then destroyed", "damage called out", auc, passed)


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


def _divided(losses: ByPerson) -> tuple[ByPerson, ByPerson]:
    """The planted people, and the others."""
    names = list(losses)
    return (
        {who: losses[who] for who in names[:PLANTED]},
        {who: losses[who] for who in names[PLANTED:]},
    )


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
