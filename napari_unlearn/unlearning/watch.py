"""What a guard has seen so far, and the weights it would roll back to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from napari_unlearn.unlearning.guard import Guard, held_out


@dataclass(frozen=True)
class Kept:
    """An epoch's state, on the CPU."""

    epoch: int
    metrics: Mapping[str, float]
    weights: Mapping[str, Tensor]

    def restore(self, model: nn.Module) -> None:
        """Put the model back to it."""
        model.load_state_dict(dict(self.weights))


@dataclass(frozen=True)
class Watch:
    """A guard on duty."""

    guard: Guard
    watched: str
    """Name of the held-out set."""
    original: float
    """The original's SSIM on it."""
    best: Kept | None = None

    @classmethod
    def begin(cls, guard: Guard, metrics: Mapping[str, float]) -> "Watch":
        """With the original's figures."""
        sets = {key.removesuffix("_ssim") for key in metrics if key.endswith("_ssim")}
        name = held_out(sets, "retain")
        return cls(guard, name, metrics[f"{name}_ssim"])

    def within(self, metrics: Mapping[str, float]) -> bool:
        """Whether an epoch's figures are within the limit."""
        return self.guard.within(metrics[f"{self.watched}_ssim"], self.original)

    def seen(self, epoch: int, metrics: Mapping[str, float], model: nn.Module) -> "Watch":
        """The watch after an epoch; it keeps the weights if none before was better."""
        if not self.within(metrics):
            return self
        guard, best = self.guard, self.best
        if (
            guard.rewinds
            and best is not None
            and not guard.difference(metrics) < guard.difference(best.metrics)
        ):
            return self
        weights = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
        return replace(self, best=Kept(epoch, dict(metrics), weights))

    def alarm(self, epoch: int, metrics: Mapping[str, float]) -> str:
        """What to say of an epoch beyond the limit that ends the run."""
        what = f"rolled back to epoch {self.best.epoch}" if self.best else "nothing was kept"
        return (
            f"Retain SSIM ({self.watched}) fell from {self.original:.3f} to "
            f"{metrics[f'{self.watched}_ssim']:.3f} after epoch {epoch}, more than the limit of "
            f"{self.guard.limit:g}: {what}."
        )

    def choice(self) -> str:
        """What to say of the epoch that is kept at the end."""
        if self.best is None:
            return (
                f"No epoch stayed within {self.guard.limit:g} of the original's retain SSIM "
                f"({self.original:.3f} on {self.watched}); the last state is kept."
            )
        why = f"the last within {self.guard.limit:g} of the original's retain SSIM"
        if self.guard.rewinds:
            why = "where the forget set is treated most like unseen scans of its kind"
        return f"Epoch {self.best.epoch} is kept, {why}."
