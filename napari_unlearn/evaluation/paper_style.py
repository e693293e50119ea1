"""What the figures of an experiment share: colours, markers, sizes, files.

Colours are those of Okabe and Ito, then of Paul Tol's "muted" scheme, which the
colour-blind can tell apart; each method has a marker of its own as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from napari_unlearn.atomic import replacing
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.figures import FORMATS
from napari_unlearn.evaluation.paper_runs import in_order

INK, GREY, FAINT = "#1a1a1a", "#5a5a5a", "#dcdcdc"
TITLE, TEXT, NOTE = 11, 9, 8  # points


@dataclass(frozen=True)
class Mark:
    """How a method is drawn."""

    colour: str
    marker: str

    @property
    def size(self) -> float:
        """Of the marker [points]; stars need more to look as large as the others."""
        return 13.0 if self.marker == "*" else 8.0


_FIXED = {
    "original": Mark(GREY, "o"),
    "oracle": Mark(INK, "s"),
    "ft": Mark("#0072b2", "o"),
    "full-ft": Mark("#56b4e9", "s"),
    "ga": Mark("#cc79a7", "v"),
    "ga-l1": Mark("#aa4499", "^"),
    "nl": Mark("#e69f00", "D"),
    "ga-l1-ft": Mark("#882255", "P"),
    "nl-ft": Mark("#d55e00", "X"),
    "zero-filled": Mark("#117733", "p"),
    "acquired-lines": Mark("#332288", "p"),
    "refit": Mark("#33bbee", "*"),
    "refit-ignorant": Mark("#009e73", "*"),
}

_OTHERS = (
    Mark("#999933", "h"),
    Mark("#44aa99", "d"),
    Mark("#bbcc33", "<"),
    Mark("#ddaa33", ">"),
    Mark("#6699cc", "8"),
    Mark("#bb5566", "H"),
    Mark("#004488", "d"),
    Mark("#997700", "v"),
    Mark("#994455", "<"),
    Mark("#225555", ">"),
    Mark("#666633", "o"),
)


def marks(names: Iterable[str]) -> dict[str, Mark]:
    """The paper's methods and ours look the same everywhere, others by alphabetical order."""
    names = list(names)
    others = sorted(name for name in names if name not in _FIXED)
    free = {name: _OTHERS[number % len(_OTHERS)] for number, name in enumerate(others)}
    return {name: _FIXED.get(name) or free[name] for name in in_order(names)}


def save(figure: Figure, path: Path) -> Path:
    """Write PNG, SVG or PDF, by the file's suffix.

    Raises:
        EvaluationError: if it has another suffix.
        UnlearnError: if the file cannot be written.
    """
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise EvaluationError(
            f"{path.name}: a figure is written as {', '.join(FORMATS)}, not as '{path.suffix}'."
        )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200, facecolor="white")
    return path
