"""What a look before the work tells, and the sets that work is done on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from napari_unlearn.errors import UnlearnError

TRAINING = ("retain", "forget")
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing to know before the work starts."""

    level: Literal["error", "warning", "note"]
    """error: the work would fail or its result be worthless."""
    text: str
    """One sentence."""


def refuse(findings: Iterable[Finding]) -> None:
    """Stop at the first error.

    Raises:
        UnlearnError: with its sentence.
    """
    for finding in findings:
        if finding.level == "error":
            raise UnlearnError(finding.text)


def some(names: list[str], most: int = _NAMED) -> str:
    """The first names and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
