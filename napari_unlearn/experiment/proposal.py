"""A proposed forget set in the form in which the experiment file takes it."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def as_toml(members: Mapping[str, Sequence[str]], root: Path, why: Iterable[str]) -> str:
    """The lines of an experiment file that name its retain and forget set.

    Args:
        members: Absolute paths of scans, by "retain" and "forget".
        root: The data's root; paths below it become relative to it.
        why: Comments above, a line each.
    """
    lines = ["# " + " ".join(line.split()) for line in why]
    lines += ["# Put these in place of the lines of the same name, and leave out [data.scans]."]
    lines += ["# The oracle was trained without another forget set: train it anew."]
    lines += ["[data]"]
    place = Path(os.path.abspath(root))
    for name in ("retain", "forget"):
        scans = (json.dumps(_named(Path(scan), place)) for scan in members[name])
        lines += [f"{name} = [", *(f"  {scan}," for scan in scans), "]"]
    return "\n".join(lines) + "\n"


def _named(scan: Path, root: Path) -> str:
    return scan.relative_to(root).as_posix() if scan.is_relative_to(root) else str(scan)
