"""The relearn attack: how soon a model knows again what it was made to forget.

Every model is fine-tuned on the same few forget samples, and its quality on samples that the
attack does not show it is watched: held-out slices of the forget set's kind, or the rest of the
forgotten subjects. Knowledge that was hidden comes back at once; knowledge that was removed
must be learnt as the oracle learns it, which never saw any of it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.strategies import TRAIN
from napari_unlearn.unlearning.task import Reconstruction, Task
from napari_unlearn.unlearning.volumes import VolumeSet

PLAIN_TRAINING = TRAIN.with_parameters({"decay": 0.0})


@dataclass(frozen=True)
class Attack:
    """What every model is put through.

    The level to relearn lies between the oracle and the original before the attack,

        level = SSIM_oracle + target_share * (SSIM_original - SSIM_oracle).

    Halfway rather than the whole way: on the brain/knee protocol the oracle came halfway in
    9 steps and three quarters in 27, but was not at the original's own level after 150,
    which would measure the budget more than the knowledge.
    """

    samples: int = 10
    """Slices to learn from: the first of the forget set."""
    test_slices: int = 10
    """Slices to measure on, spread evenly over the forget test set."""
    learning_rate: float = 1e-3
    """Adam's, constant."""
    gradient_clip: float = 0.5
    every: int = 2
    """Steps between two measurements."""
    limit: int = 60
    """Steps after which a model counts as not having relearnt."""
    target_share: float = 0.5
    """0 is the oracle's level, 1 the original's."""
    seed: int = 0
    """Of order and masks, the same for every model."""

    def __post_init__(self) -> None:
        """Refuse an attack that measures nothing.

        Raises:
            EvaluationError: naming the parameter and what is accepted.
        """
        if not 0 < self.target_share <= 1:
            raise EvaluationError(
                f"target_share is {self.target_share:g}; it must be above 0 and at most 1."
            )
        for name in ("samples", "test_slices", "every", "limit"):
            if getattr(self, name) < 1:
                raise EvaluationError(f"{name} is {getattr(self, name)}; it must be at least 1.")


@dataclass(frozen=True)
class Relearned:
    """One model under attack."""

    steps: tuple[int, ...]
    """At which it was measured, from 0 on; the last one is where the attack ended."""
    ssim: tuple[float, ...]
    """Mean over the test slices; of a task without SSIM 1 - J; with a control, above its own."""
    level: float
    """To reach, likewise."""

    @property
    def reached(self) -> float | None:
        """First step at the level, between two measurements linearly; None if never seen there.

        0 for a model that starts above the level: it never forgot.
        """
        found = next((k for k, value in enumerate(self.ssim) if value >= self.level), None)
        if not found:
            return None if found is None else 0.0
        (left, right), (low, high) = (
            self.steps[found - 1 : found + 1],
            self.ssim[found - 1 : found + 1],
        )
        return left + (right - left) * (self.level - low) / (high - low)

    @property
    def text(self) -> str:
        """The step, or ">60" if 60 steps were not enough."""
        return f">{self.steps[-1]}" if self.reached is None else f"{self.reached:.1f}"

    def ratio(self, oracle: "Relearned") -> float | None:
        """Steps in units of the oracle's, 1 = as ignorant as the oracle.

        A lower bound if this model never reached the level; None if the oracle did not.
        """
        if not oracle.reached:
            return None
        return (self.steps[-1] if self.reached is None else self.reached) / oracle.reached


def relearn_runs(
    runs: Mapping[str, Path],
    forget: SliceSet | VolumeSet,
    forget_test: SampleSet,
    attack: Attack | None = None,
    device: str = "auto",
    cancel: CancelToken | None = None,
    task: Task | None = None,
    control: SampleSet | None = None,
) -> Iterator[tuple[int, int] | dict[str, Relearned]]:
    """Attack every run.

    Args:
        runs: checkpoints by name; "original" and "oracle" fix the level.
        forget: the forget set.
        forget_test: held-out samples of its kind.
        attack: what to put them through.
        device: as `resolve_device` takes it.
        cancel: looked at before each step.
        task: how to run the networks; reconstruction by default.
        control: samples of people whom no model knows. With them the quality counts that is
            above theirs: what a model knows of the forgotten people, not how good it is.

    Yields:
        Runs done and runs in all; at last the outcome by name.

    Raises:
        EvaluationError: if original or oracle is missing, a set is empty, or the original is no
            better than the oracle, so that there is nothing to relearn.
    """
    attack, cancel, place = attack or Attack(), cancel or CancelToken(), resolve_device(device)
    missing = [name for name in ("original", "oracle") if name not in runs]
    if missing:
        raise EvaluationError(
            f"The relearn attack needs original and oracle; there is no {missing[0]} yet."
        )
    task = task or Reconstruction()
    score = _score(forget_test, attack, place, task)
    if control is not None:
        score = _above(score, _score(control, attack, place, task))
    job = _job(runs["original"], forget, attack, task)
    start = {name: score(_load(runs[name], place)) for name in ("original", "oracle")}
    if start["original"] <= start["oracle"]:
        raise EvaluationError(
            f"Nothing to relearn: on the forget test set the original "
            f"({start['original']:.3f}) is no better than the oracle ({start['oracle']:.3f})."
        )
    level = start["oracle"] + attack.target_share * (start["original"] - start["oracle"])
    found: dict[str, Relearned] = {}
    for name, path in runs.items():
        found[name] = _relearn(_load(path, place), job, score, attack, level, place, cancel)
        yield len(found), len(runs)
    yield found


Score = Callable[[nn.Module], float]


def _relearn(
    model: nn.Module,
    job: Job,
    score: Score,
    attack: Attack,
    level: float,
    device: torch.device,
    cancel: CancelToken,
) -> Relearned:
    """Fine-tune until the level is reached or the limit is."""
    optimizer = torch.optim.Adam(model.parameters(), lr=attack.learning_rate)
    steps, ssim = [0], [score(model)]
    while not ssim[-1] >= level and steps[-1] < attack.limit:  # NaN is not there either
        until = min(steps[-1] + attack.every, attack.limit)
        model.train()
        for step in range(steps[-1], until):
            cancel.check()
            loss = job.task.loss(model, job.batch("retain", step).to(device))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), attack.gradient_clip)
            optimizer.step()
        steps.append(until)
        ssim.append(score(model))
    return Relearned(tuple(steps), tuple(ssim), level)


def _above(own: Score, control: Score) -> Score:
    return lambda model: own(model) - control(model)


def _job(original: Path, forget: SliceSet | VolumeSet, attack: Attack, task: Task) -> Job:
    """Plain training on the first forget samples; it decides what each step sees."""
    few: SliceSet | VolumeSet
    if isinstance(forget, VolumeSet):
        few = VolumeSet(forget.subjects[: attack.samples], forget.classes)
    else:
        few = SliceSet([], forget.sampling)
        few.slices = forget.slices[: attack.samples]
    _, card = load_checkpoint(original)
    return Job(
        PLAIN_TRAINING, card, None, retain=few, task=task, steps=attack.limit, seed=attack.seed
    )


def _score(forget_test: SampleSet, attack: Attack, device: torch.device, task: Task) -> Score:
    """Mean of 1 - J over the test samples, masks of slices drawn from the scans' names."""
    if not len(forget_test):
        raise EvaluationError("The relearn attack needs a forget test set; it is empty.")
    count = min(attack.test_slices, len(forget_test))
    places = np.linspace(0, len(forget_test) - 1, count).round().astype(int)
    batches = [forget_test.batch(int(place)).to(device) for place in places]

    def score(model: nn.Module) -> float:
        model.eval()
        with torch.inference_mode():
            return float(np.mean([1 - float(task.loss(model, batch)) for batch in batches]))

    return score


def _load(path: Path, device: torch.device) -> nn.Module:
    return load_checkpoint(path, str(device))[0]
