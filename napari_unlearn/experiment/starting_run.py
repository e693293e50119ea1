"""Which run an unlearning starts from."""

from collections.abc import Mapping
from pathlib import Path

from napari_unlearn.errors import UnlearnError, WrongUse


def starting_run(
    folder: Path,
    runs: Mapping[str, Path],
    original: Path,
    parent: str,
    run_name: str | None,
    part: bool,
) -> Path:
    """The checkpoint that an unlearning starts from, if what is asked for makes sense.

    Args:
        folder: Of the experiment.
        runs: Checkpoints of the experiment by name.
        original: Where that of the original lies, or will.
        parent: Name of the run to start from.
        run_name: How the new run is to be called; None if nothing was asked for.
        part: Whether the request is about a part of the forget set.

    Raises:
        UnlearnError: There is no original yet.
        WrongUse: There is no such run, or the new run needs another name.
    """
    if not original.exists():
        raise UnlearnError(f"{original}: no original yet; run 'train --role original' first.")
    if parent not in runs:
        raise WrongUse(
            f"There is no run '{parent}' in {folder} to start from; accepted: {', '.join(runs)}."
        )
    if run_name is None and (part or parent != "original"):
        raise WrongUse(
            "A request about a part of the forget set, or one that starts from another run, "
            "needs a name of its own; accepted: --name with a name that no other run has."
        )
    if run_name in (parent, "original", "oracle"):
        raise WrongUse(
            f"A run called '{run_name}' would replace a model that others are compared with or "
            "start from; accepted: --name with another name."
        )
    return runs[parent]
