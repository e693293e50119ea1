"""Who sees which arm under which letter, and the cases in which order.

Everything follows from (seed, reader, case) alone, without a random generator: arms are sorted by
the SHA-256 digest of (seed, reader, case, arm), which is a uniformly random order for whoever does
not compute it. It is the same on every machine and in every version, does not depend on the order
in a file, and stays as it is when a case is added.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from string import ascii_uppercase

from napari_unlearn.reading.names import same_reader

MOST_ARMS = 12
"""As many tiles still fit a window."""


def letters(arms: int) -> tuple[str, ...]:
    """The labels of so many arms: A, B, C."""
    return tuple(ascii_uppercase[:arms])


def arm_order(seed: int, reader: str, case: str, arms: Iterable[str]) -> tuple[str, ...]:
    """The arms in the order of the letters that hide them from one reader in one case."""
    known = same_reader(reader)
    return tuple(sorted(arms, key=lambda arm: (_rank("arm", seed, known, case, arm), arm)))


def case_order(seed: int, reader: str, cases: Iterable[str]) -> tuple[str, ...]:
    """The order in which one reader meets the cases."""
    known = same_reader(reader)
    return tuple(sorted(cases, key=lambda case: (_rank("case", seed, known, case), case)))


def _rank(*parts: str | int) -> bytes:
    # JSON keeps ("a", "bc") and ("ab", "c") apart.
    return sha256(json.dumps(parts).encode()).digest()
