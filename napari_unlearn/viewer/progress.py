"""How far a job of a window is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    done: int
    total: int
    seconds_left: float | None
    remark: str = ""
