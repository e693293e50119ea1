"""When unlearning has gone too far, and which epoch to keep: judged without an oracle."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from napari_unlearn.errors import UnlearnError

Kind = Literal["retain", "forget"]


def held_out(sets: Collection[str], kind: Kind) -> str:
    """The set of that kind that choices are made on: for validation, else the test set.

    Raises:
        UnlearnError: if there is neither.
    """
    names = (f"{kind}_validation", f"{kind}_test")
    for name in names:
        if name in sets:
            return name
    raise UnlearnError(
        f"A guard looks at held-out scans of the {kind} set's kind; name them in [data.tests] as "
        f"{names[0]} (or {names[1]}, on which figures are then no longer untouched)."
    )


@dataclass(frozen=True)
class Guard:
    """Watches the quality on held-out scans after each epoch.

    An epoch is within the limit while its mean SSIM lies at most `limit` below the original's
    own. The best epoch is the last one within the limit: a schedule forgets first and repairs
    last, so its end is what it was made for, whereas the epoch that changed the forget set most
    would reward destruction. A strategy that damages first and repairs later needs a limit that
    bears the dip, or `stops=False`.

    With `rewinds` the best is, of those within the limit, the epoch whose SSIM on the forget
    set is nearest to the same epoch's SSIM on held-out scans of its kind: the model then treats
    scans it was trained on as any others. After SCRUB+R (Kurmanji et al., Towards Unbounded
    Machine Unlearning, NeurIPS 2023), which takes the last epoch's held-out error for all
    epochs; ours keeps one set of weights instead of all.
    """

    limit: float = 0.02
    """In SSIM."""
    stops: bool = True
    """End the run at the first epoch beyond the limit and roll back to the best one."""
    keeps_best: bool = False
    """However the run ends, keep the best epoch instead of the last state."""
    rewinds: bool = False
    """Best is the epoch that treats forget set and unseen scans of its kind most alike."""

    def __post_init__(self) -> None:
        """Refuse a limit that is none.

        Raises:
            UnlearnError: if the limit is negative or not finite.
        """
        if not (math.isfinite(self.limit) and self.limit >= 0):
            raise UnlearnError(
                f"The guard's limit is {self.limit:g}; it must be an SSIM from 0, such as 0.02."
            )

    def check(self, sets: Collection[str]) -> None:
        """Refuse test sets that lack what this guard looks at.

        Raises:
            UnlearnError: naming the missing set.
        """
        held_out(sets, "retain")
        if self.rewinds:
            held_out(sets, "forget")

    def within(self, value: float, original: float) -> bool:
        """Whether an SSIM is at most `limit` below the original's; NaN is not."""
        return original - value <= self.limit

    def difference(self, metrics: Mapping[str, float]) -> float:
        """|SSIM on the forget set - SSIM on held-out scans of its kind|."""
        sets = {key.removesuffix("_ssim") for key in metrics if key.endswith("_ssim")}
        unseen = metrics[f"{held_out(sets, 'forget')}_ssim"]
        return abs(metrics["forget_ssim"] - unseen)
