"""Which strategy, scope and budget a segmentation run's name stands for, and how rows are ordered.

A run is called STRATEGY@EPOCHS, such as "noisy-label@50", or STRATEGY-fixed@EPOCHS if the
decoder was fixed; one without epochs in its name had the experiment's budget, or none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from napari_unlearn.unlearning.strategies import STRATEGIES, strategies_for
from napari_unlearn.unlearning.subject_strategies import PRESERVE

ROLES = ("original", "oracle")
SIX = tuple(n for n, entry in strategies_for("segmentation").items() if entry.paper == PRESERVE)
"""The strategies of "To forget is to preserve", arXiv 2606.16180."""
NONMEMBERS = "nonmember"
"""The test set that is there for the membership attack alone."""

_NAME = re.compile(r"(?P<strategy>.+?)(?P<fixed>-fixed)?(?:@(?P<epochs>\d+))?")


@dataclass(frozen=True)
class Variant:
    """What one run did."""

    strategy: str
    epochs: int | None = None
    fixed: bool = False
    """Whether the decoder was."""

    @property
    def run(self) -> str:
        """The run's name."""
        end = "" if self.epochs is None else f"@{self.epochs}"
        return f"{self.strategy}{'-fixed' if self.fixed else ''}{end}"

    @property
    def title(self) -> str:
        """The strategy as the paper calls it, and whether its decoder was fixed."""
        entry = STRATEGIES.get(self.strategy)
        title = self.strategy.capitalize() if self.strategy in ROLES else self.strategy
        if entry is not None:
            title = entry.title
        return f"{title}, Fix Decoder" if self.fixed else title

    @property
    def label(self) -> str:
        """Such as "Noisy Label, Fix Decoder, 20 epochs"."""
        return self.title if self.epochs is None else f"{self.title}, {self.epochs} epochs"

    @property
    def place(self) -> tuple[int, int, int, bool, int]:
        """Roles, the paper's strategies, ours, the others, each from the shorter budget on."""
        entry = STRATEGIES.get(self.strategy)
        known = list(STRATEGIES)
        if self.strategy in ROLES:
            return (0, ROLES.index(self.strategy), 0, False, 0)
        group = 1 if self.strategy in SIX else 3
        if entry is not None and entry.paper == "this project":
            group = 2
        number = known.index(self.strategy) if entry is not None else len(known)
        return (1, group, number, self.fixed, self.epochs or 0)


def variant_of(run: str) -> Variant:
    """What a run's name says."""
    found = _NAME.fullmatch(run)
    if found is None:
        return Variant(run)
    epochs = found["epochs"]
    return Variant(found["strategy"], int(epochs) if epochs else None, found["fixed"] is not None)


def in_order(runs: Iterable[str]) -> list[str]:
    """Names of runs as the tables list them."""
    return sorted(runs, key=lambda run: (variant_of(run).place, run))


def budgets(runs: Iterable[str]) -> list[int]:
    """Epochs of unlearning that occur among the runs, from the shortest on."""
    return sorted({epochs for run in runs if (epochs := variant_of(run).epochs) is not None})


def unseen_set(sets: Iterable[str]) -> str | None:
    """The held-out set that is reported: "unseen_test", else the first that serves no attack."""
    held_out = [name for name in sets if name not in ("retain", "forget", NONMEMBERS)]
    return "unseen_test" if "unseen_test" in held_out else next(iter(held_out), None)
