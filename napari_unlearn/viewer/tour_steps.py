"""The story that `demo --tour` tells, as data: what is said, what is shown, for how long."""

from dataclasses import dataclass, replace

from napari_unlearn.evaluation.comparison import ArmResult, Comparison, Kind, Region
from napari_unlearn.viewer.marks import legend


@dataclass(frozen=True)
class Near:
    """The largest region of a kind in what a model made."""

    model: str
    """Name of its tile."""
    kind: Kind

    def find(self, comparison: Comparison) -> tuple[ArmResult, Region] | None:
        """The model's result and the region; None if there is no such region."""
        found = [
            (arm, region)
            for arm in comparison.arms
            for region in arm.regions
            if arm.name == self.model and region.kind == self.kind
        ]
        return max(found, key=lambda pair: pair[1].area, default=None)


@dataclass(frozen=True)
class Open:
    """Open a sample scan and reconstruct it with its models."""

    sample: str
    """Key of the sample."""


@dataclass(frozen=True)
class Show:
    """Show the comparison: whole, or flown to a region."""

    light: tuple[str, ...] = ()
    """Tiles to look at, by name, with what is below them; the others are dimmed. Empty: all."""
    near: Near | None = None
    outlines: bool = True


@dataclass(frozen=True)
class UnlearnLive:
    """Unlearn what the open scan offers, then compare again."""


Action = Open | Show | UnlearnLive


@dataclass(frozen=True)
class Step:
    """One picture of the tour. It is left out where its action finds nothing to show."""

    key: str
    """Names the file of its picture."""
    title: str
    """One line for the last row of the audience; may be HTML."""
    text: str
    """One line for who has come nearer."""
    action: Action
    seconds: float
    """At least; a step that computes lasts until that is done."""


TOUR = (
    Step(
        "scan",
        "Can a neural network forget?",
        "A healthy brain, measured in a fraction of the usual time. Three networks reconstruct it.",
        Open("brain"),
        10,
    ),
    Step(
        "riddle",
        "Three sharp pictures. One of them lies.",
        "Compare them with the ground truth on the left: where do they differ?",
        Show(outlines=False),
        9,
    ),
    Step(
        "invented",
        "The original invents a lesion",
        "Contaminated training scans carried one. Now it paints it into the heads of others.",
        Show(light=("Ground truth", "Original"), near=Near("Original", "removed")),
        9,
    ),
    Step(
        "oracle",
        "The oracle never saw those scans",
        "It is what forgetting should lead to, at the price of training all over again.",
        Show(light=("Original", "Oracle")),
        9,
    ),
    Step(
        "unlearned",
        "Unlearning: the lesion is gone",
        "The same network as the original, made to forget. Below it: the error that is left.",
        Show(light=("Original", "Unlearned"), near=Near("Unlearned", "removed")),
        9,
    ),
    Step(
        "kinds",
        legend(),
        "Every false structure gets a shape, a stroke and a colour that say what became of it.",
        Show(light=("Oracle", "Unlearned")),
        10,
    ),
    Step(
        "remaining",
        "Forgetting is measured, not believed",
        "Here something remains: the table on the right lists place, size and error of each.",
        Show(light=("Original", "Unlearned"), near=Near("Unlearned", "remaining")),
        9,
    ),
    Step(
        "live",
        "Live: this computer makes the original forget",
        "Of the scans to be forgotten it uses the measured lines alone, and no image.",
        UnlearnLive(),
        10,
    ),
    Step(
        "forgotten",
        "Forgotten, before your eyes",
        "No graphics card was needed, and nothing left this computer.",
        Show(light=("Original", "Unlearned live"), near=Near("Unlearned live", "removed")),
        10,
    ),
    Step(
        "knee",
        "What does a network do that never learnt?",
        "A knee, for an oracle that knows nothing but brains.",
        Open("knee"),
        8,
    ),
    Step(
        "folds",
        "It paints brain folds into the bones",
        "Networks fill gaps with what they know. Look at error maps before you trust a picture.",
        Show(light=("Ground truth", "Oracle"), outlines=False),
        10,
    ),
    Step(
        "end",
        "Make MRI models forget. See that they forgot.",
        "napari-unlearn is free software. For research, not for diagnosis.",
        Show(outlines=False),
        8,
    ),
)


def hurried(steps: tuple[Step, ...], seconds: float) -> tuple[Step, ...]:
    """The same steps, none of which lasts longer than it computes and these seconds."""
    return tuple(replace(step, seconds=min(step.seconds, seconds)) for step in steps)
