"""What is fuzzed: good files of one kind, who reads them, and how they are damaged."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

Change = Callable[[Path, Random], str]
"""Changes good files below a folder; says what it did in a few words."""


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    name: str
    files: Mapping[str, bytes]
    """Contents by path below the case's folder."""
    opened: str
    """What the readers are given, below that folder."""
    doors: Sequence[str]
    """Keys of `doors.DOORS`."""
    changes: Sequence[Change]
    """Made for this kind; those of `damage` and `places` come on top."""
    hurt: str = ""
    """The file that is damaged; the one that is opened by default."""

    @property
    def target(self) -> str:
        """The file that is damaged."""
        return self.hurt or self.opened


@dataclass(frozen=True)
class Case:
    """One input: a kind, and the number its damage is drawn from."""

    kind: str
    number: int
    door: str
    path: str
    """What is opened."""
    done: str
    """What was done to the good files."""


def generator(seed: int, kind: str, number: int) -> Random:
    """Draws of one case, independent of all others and of the order in which they run."""
    return Random(f"{seed}/{kind}/{number}")


def make_case(kind: Kind, seed: int, number: int, folder: Path, changes: Sequence[Change]) -> Case:
    """Write a kind's files below an empty folder and damage them.

    Args:
        kind: Of the files.
        seed: Of the run.
        number: Of the case.
        folder: Empty.
        changes: That suit every kind, called with the damaged file instead of the folder.
    """
    rng = generator(seed, kind.name, number)
    for name, content in kind.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of what is written here on purpose
        if kind.changes and rng.random() < 0.6:
            with suppress(Exception):  # what libraries refuse to write nobody will send
                done.append(rng.choice(kind.changes)(folder, rng))
        if not done or rng.random() < 0.15:
            done.append(rng.choice(changes)(folder / kind.target, rng))
    door = rng.choice(kind.doors)
    return Case(kind.name, number, door, kind.opened, ", then ".join(done))
