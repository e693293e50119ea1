"""A strategy is a composition: objectives, penalty, scope, edit, schedule, and words about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from napari_unlearn.errors import WrongUse
from napari_unlearn.unlearning.context import Teacher
from napari_unlearn.unlearning.edits import Edit
from napari_unlearn.unlearning.objectives import Objective
from napari_unlearn.unlearning.parameters import Number, Parameter, parameters_of, with_parameters
from napari_unlearn.unlearning.penalties import Penalty
from napari_unlearn.unlearning.schedules import Schedule, Together
from napari_unlearn.unlearning.scopes import LowRank, Scope


@dataclass(frozen=True)
class Strategy:
    """How to forget: what to ask of forget and retain samples, and when.

    No two parts may share the name of a parameter: users set parameters by name alone.
    """

    name: str
    title: str
    formula: str
    paper: str
    forget: Objective | None = None
    retain: Objective | None = None
    penalty: Penalty | None = None
    """Added to the loss with the forget objective's weight."""
    scope: Scope | None = None
    """Which weights the steps may move; None lets all move."""
    edit: Edit | None = None
    """Changes the original's weights before the first step."""
    schedule: Schedule = field(default_factory=Together)
    adapters: LowRank = field(default_factory=LowRank)
    """Low-rank adapters to move in place of the weights; none with an edit, which moves those."""
    tasks: tuple[str, ...] = ("reconstruction", "segmentation")
    remark: str = ""
    whole_retain_set: bool = False
    """Repairs on all retain samples, whatever share the experiment grants the others."""

    @property
    def trains(self) -> bool:
        """Whether there are steps at all; a strategy that only edits needs no budget."""
        return self.forget is not None or self.retain is not None

    @property
    def adapts(self) -> bool:
        """Whether adapters move and the weights themselves do not."""
        return self.adapters.lora_rank > 0

    @property
    def prepares(self) -> bool:
        """Whether there is work to do before the first step."""
        return self.scope is not None or self.edit is not None

    @property
    def reads(self) -> tuple[str, ...]:
        """The sets it cannot do without, of "forget", "retain" and "unseen"."""
        parts = (self.scope, self.edit, self.forget, self.retain)
        wanted = {name for part in parts if part is not None for name in part.reads}
        if self.forget is not None:
            wanted.add("forget")
        if self.retain is not None:
            wanted.add("retain")
        return tuple(name for name in ("forget", "retain", "unseen") if name in wanted)

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Frozen networks that its objectives look at."""
        objectives = [part for part in (self.forget, self.retain) if part is not None]
        return tuple(sorted({name for part in objectives for name in part.teachers}))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Everything a user may set, over all parts; no schedule where there are no steps."""
        moot = {"schedule": not self.trains, "adapters": self.edit is not None}
        return tuple(
            parameter
            for field in fields(self)
            if not moot.get(field.name, False)
            for parameter in parameters_of(getattr(self, field.name))
        )

    @property
    def values(self) -> dict[str, Number]:
        """Parameters as cards and settings note them; those of adapters only if there are any."""
        idle = set() if self.adapts else {entry.name for entry in parameters_of(self.adapters)}
        return {entry.name: entry.value for entry in self.parameters if entry.name not in idle}

    def with_parameters(self, values: Mapping[str, Number]) -> "Strategy":
        """The same strategy with some of its parameters set.

        Raises:
            WrongUse: on an unknown name or a value out of range.
        """
        known = [parameter.name for parameter in self.parameters]
        unknown = sorted(set(values) - set(known))
        if unknown and unknown[0] in {entry.name for entry in parameters_of(self.adapters)}:
            raise WrongUse(
                f"Strategy '{self.name}' edits the weights themselves, which adapters would leave "
                f"as they are; '{unknown[0]}' is for strategies that only train."
            )
        if unknown:
            accepted = ", ".join(known) or "none"
            raise WrongUse(
                f"Strategy '{self.name}' has no parameter '{unknown[0]}'; accepted: {accepted}."
            )
        parts = {
            field.name: with_parameters(getattr(self, field.name), values)
            for field in fields(self)
            if any(True for _ in parameters_of(getattr(self, field.name)))
        }
        return replace(self, **parts)
