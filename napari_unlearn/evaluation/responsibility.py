"""What a search for responsible training slices tells; without torch, for a window shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.outliers import LIMIT
from napari_unlearn.pseudonym import Pseudonyms

Method = Literal["healing", "alignment"]
"""How slices are scored, see `influence`."""

Against = Literal["reference", "surroundings"]
"""What should be inside an outline: the scan's reference, or what its rim continues to."""


@dataclass(frozen=True)
class Asked:
    """So many training slices were asked."""

    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class Responsible:
    """One training slice and how much it has to do with the invention."""

    scan: str
    source: str
    """Absolute path of the scan."""
    set: str
    slice: int
    score: float
    """As the method defines it; the larger, the more responsible."""
    z: float
    """Robust score among all slices asked, see `outliers.robust_scores`."""

    @property
    def stands_out(self) -> bool:
        """Whether it has far more to do with the invention than a usual slice."""
        return self.z > LIMIT


@dataclass(frozen=True)
class Responsibility:
    """All training slices, the most responsible first."""

    slices: tuple[Responsible, ...]
    method: Method
    against: Against
    """What was taken for what should be inside the outline."""
    contrast: float
    """Root mean square of the invention, as a fraction of the slice's maximum."""

    @property
    def suspects(self) -> tuple[Responsible, ...]:
        """The slices that stand out."""
        return tuple(each for each in self.slices if each.stands_out)

    @property
    def proposed(self) -> tuple[str, ...]:
        """Paths of the scans to forget: those with a slice that stands out."""
        return tuple(dict.fromkeys(each.source for each in self.suspects))

    def regrouped(self, forget: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Retain and forget set if those scans are to be forgotten and the others kept.

        Args:
            forget: Paths, as `source` gives them.

        Raises:
            EvaluationError: if nothing would be forgotten, or nothing retained.
        """
        scans = sorted({each.source for each in self.slices})
        chosen = set(forget).intersection(scans)
        if not 0 < len(chosen) < len(scans):
            raise EvaluationError(
                f"{len(chosen)} of {len(scans)} training scans would be forgotten; accepted: "
                "some, but not all."
            )
        return {
            "retain": tuple(scan for scan in scans if scan not in chosen),
            "forget": tuple(scan for scan in scans if scan in chosen),
        }

    def called(self, names: Pseudonyms) -> "Responsibility":
        """The same under other names; paths are left out where names are none."""
        slices = tuple(
            replace(
                each,
                scan=names.of("scan", each.scan),
                source="" if names.key is not None else each.source,
            )
            for each in self.slices
        )
        return replace(self, slices=slices)

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        invented = (
            f"Inside the outline the model departs from the {self.against} by "
            f"{self.contrast:.1%} of the slice's maximum"
        )
        found = self.suspects
        if not found:
            return f"{invented}; none of {len(self.slices)} training slices stands out."
        scans = dict.fromkeys(each.scan for each in found)
        names = ", ".join(list(scans)[:5])
        more = f" and {len(scans) - 5} more" if len(scans) > 5 else ""
        return (
            f"{invented}; {len(found)} of {len(self.slices)} training slices stand out, of "
            f"{len(scans)} scans: {names}{more}. Look at their reference images."
        )


def format_responsibility(found: Responsibility, top: int) -> str:
    """A line for each of the first slices, then the sentence."""
    lines = [f"{'':>4} {'scan':<28}{'slice':>6}  {'set':<10}{'score':>11}{'robust z':>10}"]
    lines += [
        f"{place:>4} {each.scan:<28}{each.slice:>6}  {each.set:<10}{each.score:>11.3g}"
        f"{each.z:>10.1f}{'  <' if each.stands_out else ''}"
        for place, each in enumerate(found.slices[:top], start=1)
    ]
    return "\n".join([*lines, "", found.sentence])
