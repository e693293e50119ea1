"""Shadow models: the experiment's own runs again, on forget sets that the attacker draws."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.lira import Shadow, Statistic
from napari_unlearn.audit.losses import confidence, losses_of
from napari_unlearn.audit.people import People, chosen, part_of, people_of
from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.paper_runs import fraction_of
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint, read_card
from napari_unlearn.models.device import resolve_device
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import CHECKPOINT

ORIGINAL = "original"
Shadows = Mapping[str, Sequence[Shadow]]
"""By run that they are shadows of."""


def make_shadows(
    experiment: Experiment,
    runs: Mapping[str, Path],
    hold_out: str,
    count: int,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | Shadows]:
    """Train `count` originals and make each of them unlearn like every run.

    People of the forget set and as many of the hold-out are drawn together into halves, each as
    large as the forget set; one half is learnt with the retain set and then forgotten, the other
    is never shown. Every second shadow takes the other half, so that everybody is inside in half
    of them. Nothing stays on disk.

    Args:
        experiment: whose settings hold.
        runs: checkpoints of unlearned runs by name; strategy, parameters and steps are read
            from their cards.
        hold_out: name of the test set nobody was trained on.
        count: an even number.
        device: as `resolve_device` takes it.
        cancel: looked at between two models.

    Yields:
        Models made and in all; at last the shadows of every run, those of the original too.

    Raises:
        AuditError: if the number is odd, or a run's card names no strategy.
        UnlearnError: as the loop.
    """
    if count < 2 or count % 2:
        raise AuditError(f"U-LiRA takes its shadows in pairs; {count} is no even number above 0.")
    cancel = cancel or CancelToken()
    forget, other = experiment.samples("forget"), experiment.samples(hold_out)
    pool = forget + other
    members, others = people_of(forget, "forget"), people_of(other, "other")
    as_many = {who: others[who] for who in chosen(others, len(members))}
    people = pooled(members, as_many, len(forget))
    found: dict[str, list[Shadow]] = {name: [] for name in (ORIGINAL, *runs)}
    done, total = 0, count * len(found)
    for number in range(count):
        inside = half(list(people), experiment.seed, number)
        own = part_of(pool, tuple(place for who in inside for place in people[who]))
        with TemporaryDirectory(prefix="shadow-") as place:
            jobs = {ORIGINAL: partial(_original, experiment, own, device)}
            jobs |= {
                name: partial(_unlearned, experiment, own, device, name, path, Path(place))
                for name, path in runs.items()
            }
            for name, job in jobs.items():
                path = _train(job(), Path(place) / name, cancel)
                statistic = _statistic(experiment, path, pool, people, device)
                found[name].append(Shadow(frozenset(inside), statistic))
                done += 1
                yield done, total
    yield found


def half(people: Sequence[str], seed: int, number: int) -> list[str]:
    """Who is inside shadow `number`: half of the people, and for odd numbers the other half."""
    order = np.random.default_rng((seed, 77, number // 2)).permutation(len(people))
    middle = len(people) // 2
    return [people[n] for n in sorted(order[middle:] if number % 2 else order[:middle])]


def pooled(members: People, others: People, offset: int) -> dict[str, tuple[int, ...]]:
    """People of two sets by their places in both sets together; the first has `offset` samples."""
    moved = {who: tuple(place + offset for place in own) for who, own in others.items()}
    return {**members, **moved}


def _original(experiment: Experiment, own: Any, device: str) -> Job:
    job = experiment.training_job("original", device)
    return replace(job, retain=experiment.samples("retain") + own, tests={})


def _unlearned(
    experiment: Experiment, own: Any, device: str, name: str, path: Path, place: Path
) -> Job:
    card = read_card(path)
    if not card.strategy:
        raise AuditError(f"The card of '{name}' names no strategy that shadows could repeat.")
    swept = fraction_of(name)
    values = {k: v for k, v in card.strategy_parameters.items() if not isinstance(v, str)}
    job = experiment.unlearning_job(
        card.strategy,
        values,
        steps=int(card.metrics.get("steps", 0)) or None,
        retain_fraction=swept[1] if swept else None,
        device=device,
        run_name=f"shadow-{name}",
    )
    parent = place / ORIGINAL / CHECKPOINT
    return replace(job, forget=own, parent=parent, tests={}, guard=None)


def _train(job: Job, folder: Path, cancel: CancelToken) -> Path:
    for _ in train(replace(job, folder=folder), cancel):
        cancel.check()
    return folder / CHECKPOINT


def _statistic(
    experiment: Experiment, path: Path, pool: Any, people: People, device: str
) -> Statistic:
    place, task = resolve_device(device), experiment.kind.task(unlearning=False)
    model, _ = load_checkpoint(path, str(place))
    sure = confidence(task, losses_of(task, model, pool, people, place))
    return {who: float(own.mean()) for who, own in sure.items()}
