"""A forget set that somebody proposes, in the form in which the experiment file takes it."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from napari_unlearn.experiment.experiment import Experiment


def regrouped(experiment: "Experiment", forget: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Retain and forget set of an experiment on scans after others are chosen to be forgotten.

    Args:
        experiment: Whose original learnt retain and forget set.
        forget: Paths of scans, as headers name their source.

    Returns:
        Paths as the keys `data.retain` and `data.forget` take them: relative to the data's root
        where they lie below it. What `Experiment.with_members` takes.

    Raises:
        UnlearnError: if a path is of no training scan, or nothing would be forgotten or retained.
    """
    sources = [
        scan.header.source
        for name in ("retain", "forget")
        for scan in experiment.samples(name).scans
    ]
    known = dict.fromkeys(map(os.path.abspath, sources))
    wanted = dict.fromkeys(map(os.path.abspath, forget))
    strange = next((path for path in wanted if path not in known), None)
    if strange is not None:
        raise UnlearnError(
            f"{strange}: no scan that the original of {experiment.path} learnt; accepted: scans "
            "of its retain and forget set."
        )
    if not wanted or len(wanted) == len(known):
        what = "all" if wanted else "none"
        raise UnlearnError(
            f"{experiment.path}: {what} of its {len(known)} training scans would be forgotten; "
            "accepted: some, but not all."
        )
    root = Path(os.path.abspath(experiment.root))
    return {
        "retain": tuple(_named(path, root) for path in known if path not in wanted),
        "forget": tuple(_named(path, root) for path in known if path in wanted),
    }


def as_toml(members: dict[str, tuple[str, ...]], why: Iterable[str]) -> str:
    """The lines of the experiment file that such sets take the place of.

    Args:
        members: As `regrouped` gives them.
        why: Comments above, a line each.
    """
    lines = ["# " + " ".join(line.split()) for line in why]
    lines += ["# Put these in place of the lines of the same name, and leave out [data.scans]."]
    lines += ["# The oracle was trained without another forget set: train it anew."]
    lines += ["[data]"]
    for name in ("retain", "forget"):
        lines += [f"{name} = [", *(f"  {json.dumps(path)}," for path in members[name]), "]"]
    return "\n".join(lines) + "\n"


def _named(path: str, root: Path) -> str:
    whole = Path(path)
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else path
