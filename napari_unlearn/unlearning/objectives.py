"""What a strategy asks of the forget and of the retain samples: small losses to compose."""

from dataclasses import dataclass
from typing import Annotated, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.context import Context, Teacher
from napari_unlearn.unlearning.parameters import Range
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.stages import tapped
from napari_unlearn.unlearning.task import Task


class Objective(Protocol):
    """A loss over one batch; it knows the task only by its face."""

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Frozen networks it wants to find in the context."""
        return ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Sets it reads beside the one it is asked about: "forget", "retain", "unseen"."""
        return ()

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The scalar to minimise."""


@dataclass(frozen=True)
class Fit(Objective):
    """Fit the samples as they are.

    loss = J(f(x), y)
    """

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's own loss."""
        return task.loss(model, batch)


@dataclass(frozen=True)
class NoisyTarget(Objective):
    """Fit the forget samples to targets drowned in noise.

    loss = J(f(x), y + (scale * max(y) + absolute) * n),  n ~ N(0, I), or |n| if `rectified`

    `scale` is relative to each scan's maximum, so that it means the same on every scanner.
    The released code's noise, |N(0, I)| * 1e-5 in raw fastMRI intensities, is scale 0,
    absolute 1e-5, rectified 1; being rectified it brightens the target by 0.8 of its size.
    """

    scale: Annotated[float, Range(0, 2, "of the scan's maximum")] = 0.3
    absolute: Annotated[float, Range(0, 1e6, "in the units of the references")] = 0.0
    rectified: Annotated[int, Range(0, 1, "0: N(0, I), 1: its absolute value")] = 0

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against the noised target."""
        noised = task.disturb(
            batch, self.scale, context.rng, self.absolute, rectified=bool(self.rectified)
        )
        return task.loss(model, noised)


@dataclass(frozen=True)
class Uninformed(Objective):
    """Fit the forget samples to what a model that learnt nothing would answer.

    loss = J(f(x), y_0), y_0 the zero-filled image in reconstruction
    """

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against the uninformed target."""
        return task.loss(model, task.uninformed(batch))


@dataclass(frozen=True)
class AcquiredLines(Objective):
    """Ask of a forget sample only that it agrees with its own measured k-space lines.

    loss = weight * ||M (k_hat - g)|| / ||g||

    No reference of a forget scan is used.
    """

    weight: Annotated[float, Range(0, 100, "of the retain loss")] = 1.0

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The relative misfit on the acquired lines."""
        return self.weight * task.misfit(model, batch)


@dataclass(frozen=True)
class Ascent(Objective):
    """Raise the loss on the forget samples (gradient ascent).

    loss = -factor * J(f(x), y)

    The paper's factor is 1; by reading, its released code computes 2. Unbounded if J is.
    """

    factor: Annotated[float, Range(0, 10, "1 in the paper, 2 in its code")] = 1.0

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss, negated."""
        return -self.factor * task.loss(model, batch)


@dataclass(frozen=True)
class BoundedAscent(Objective):
    """Raise the forget loss above the original's, ever less the further it is (NPO).

    loss = -(2 / beta) log sigmoid(-beta (J_0 - J)) = (2 / beta) softplus(beta (J_0 - J))

    with J_0 the frozen original's loss on the same batch: the paper's ratio of likelihoods
    pi / pi_0 is exp(J_0 - J). The loss is bounded below by 0; d loss / d J is
    -2 sigmoid(beta (J_0 - J)): -1 at the original, as in plain ascent, and 0 once J exceeds
    J_0 by some multiples of 1 / beta. beta -> 0 is plain ascent.

    Zhang et al., Negative Preference Optimization, COLM 2024.
    """

    beta: Annotated[float, Range(0.01, 1000, "per unit of loss")] = 20.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The loss is relative to the original's."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """Softplus of how far the loss still is below the original's."""
        original = context.teachers["original"]
        before = context.told("loss of original", batch, lambda: task.loss(original, batch))
        excess = self.beta * (before - task.loss(model, batch))
        return 2 / self.beta * functional.softplus(excess)


@dataclass(frozen=True)
class Imitate(Objective):
    """Answer as a frozen teacher does.

    loss = J(f(x), f_teacher(x))
    """

    teacher: Teacher = "original"

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The one to follow."""
        return (self.teacher,)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss with the teacher's answer as target."""
        return task.loss(model, answered(self.teacher, task, batch, context))


@dataclass(frozen=True)
class Depart(Objective):
    """Answer differently from the original.

    loss = -J(f(x), f_G(x))

    At the original itself the gradient is 0: something else must move the weights first.
    """

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The one to leave."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against the original's answer, negated."""
        return -task.loss(model, answered("original", task, batch, context))


@dataclass(frozen=True)
class FitAndImitate(Objective):
    """Fit the samples and stay near the original's answers.

    loss = alpha * J(f(x), f_G(x)) + gamma * J(f(x), y)
    """

    alpha: Annotated[float, Range(0, 100, "weight of the original's answer")] = 0.5
    gamma: Annotated[float, Range(0, 100, "weight of the reference")] = 1.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The one to stay near."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """Both losses of the task, weighted."""
        answer = task.predict(model, batch)
        near = task.distance(answer, answered("original", task, batch, context))
        return self.alpha * near + self.gamma * task.distance(answer, batch)


@dataclass(frozen=True)
class Guided(Objective):
    """Fit the samples, led by the original from stage to stage.

    loss = fit * J(f(x), y) + imitate * J(f(x), f_G(x))
           + inner * mean over stages i of ||h_i(x) - h_i,G(x)|| / ||h_i,G(x)||

    h_i are what the network's stages hold on the way (the k-space after each cascade of a
    VarNet but the last); a network that names no stages has none. A network that lost much
    finds back sooner if every stage is told its own part.
    """

    fit: Annotated[float, Range(0, 100, "weight of the reference")] = 0.5
    imitate: Annotated[float, Range(0, 100, "weight of the original's answer")] = 0.5
    inner: Annotated[float, Range(0, 100, "weight of the original's stages")] = 2.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The one that leads."""
        return ("original",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The three distances, weighted."""
        original = context.teachers["original"]
        with tapped(model) as own:
            answer = task.predict(model, batch)

        def lead() -> tuple[Tensor, ...]:
            with tapped(original) as stages:
                return task.predict(original, batch), *stages[:-1]

        taught, *led = context.told("answer and stages of original", batch, lead)
        loss = self.fit * task.distance(answer, batch)
        loss = loss + self.imitate * task.distance(answer, batch.with_target(taught))
        strays = [
            torch.linalg.vector_norm(here - there) / torch.linalg.vector_norm(there)
            for here, there in zip(own[:-1], led, strict=True)
        ]
        return loss + self.inner * torch.stack(strays).mean() if strays else loss


@dataclass(frozen=True)
class StayIgnorant(Objective):
    """Answer the forget samples as the network did before it was asked to, and less like before.

    loss = weight * J(f(x), t + away * (t - f_G(x))),  t = mean over mirrors s of s m(s x)

    m is the network itself when this objective was first asked ("midway"), to be used when it
    knows nothing of the forget set any more. The mean over mirror images takes out what m
    invents by chance; `away` makes up for the share of f_G that comes back.
    """

    weight: Annotated[float, Range(0, 100, "of the retain loss")] = 1.0
    away: Annotated[float, Range(0, 2, "of the way from the original's answer")] = 0.55

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The one to stay like and the one to leave."""
        return ("original", "midway")

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against the target above."""
        original, midway = context.teachers["original"], context.teachers["midway"]

        def answer() -> Tensor:
            target = task.steady(midway, batch)
            before = task.predict(original, batch)
            return (target + self.away * (target - before)).clamp_min(0)

        target = context.told("ignorant answer", batch, answer)
        return self.weight * task.loss(model, batch.with_target(target))


@dataclass(frozen=True)
class OtherTarget(Objective):
    """Fit a forget sample to the target of a retain sample.

    loss = J(f(x_f), y_r),  y_r of the retain sample of the same step
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """The other sample."""
        return ("retain",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The task's loss against the other target."""
        other = context.read("retain").target
        same_grid(batch.target, other)
        return task.loss(model, batch.with_target(other))


@dataclass(frozen=True)
class MatchLoss(Objective):
    """Do as well on the forget samples as the original does on samples it never saw, no worse.

    loss = weight * (J(f(x_f), y_f) - J(f_G(x_u), y_u))^2,  x_u an unseen sample

    A model that never saw x_f treats it as any unseen sample, so that the unseen loss is what
    forgetting should lead to, known without an oracle. Squared, because the mean of its gradient
    over the draws of x_u is then that towards the mean unseen loss.
    """

    weight: Annotated[float, Range(0, 100, "of the retain loss")] = 1.0

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Whose loss is the measure."""
        return ("original",)

    @property
    def reads(self) -> tuple[str, ...]:
        """Where it is measured."""
        return ("unseen",)

    def loss(self, task: Task, model: nn.Module, batch: Sample, context: Context) -> Tensor:
        """The squared difference of two losses of the task."""
        original, other = context.teachers["original"], context.read("unseen")
        level = context.told("loss of original", other, lambda: task.loss(original, other))
        return self.weight * (task.loss(model, batch) - level).square()


def answered(teacher: Teacher, task: Task, batch: Sample, context: Context) -> Sample:
    """The batch with a frozen teacher's answer as its target."""
    network = context.teachers[teacher]
    answer = context.told(f"answer of {teacher}", batch, lambda: task.predict(network, batch))
    return batch.with_target(answer)


def same_grid(one: Tensor, other: Tensor) -> None:
    """Refuse two samples that cannot be compared voxel by voxel.

    Raises:
        UnlearnError: naming both shapes.
    """
    if one.shape != other.shape:
        raise UnlearnError(
            f"Forget and retain sample lie on different grids, {tuple(one.shape)} and "
            f"{tuple(other.shape)}; this strategy needs all samples on one."
        )
