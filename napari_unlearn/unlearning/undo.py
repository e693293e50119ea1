"""Taking a run's adapters off again, or putting them on: unlearning that can be undone."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError, WrongUse, reason
from napari_unlearn.models.adapter_file import ADAPTERS, Adapters, load_adapters
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import assemble, load_checkpoint, save_checkpoint, sha256
from napari_unlearn.unlearning.record import CHECKPOINT


@dataclass(frozen=True)
class Undoable:
    """A run's adapters, and what of their two ends was found."""

    path: Path
    adapters: Adapters
    parent: Path | None
    """The checkpoint that they were learnt on."""
    merged: Path | None
    """The run's checkpoint, which is the parent with them."""


def open_adapters(run: Path, parent: Path | None = None) -> Undoable:
    """Read a run's adapters and look for their parent: as named, else among the runs beside it.

    Args:
        run: folder of the run, or the file of adapters itself.
        parent: checkpoint to take for the parent.

    Raises:
        UnlearnError: if there are no adapters, or the checkpoint named is not their parent.
    """
    try:
        path = run / ADAPTERS if run.is_dir() else run
        found = path.exists()
    except OSError as error:
        raise UnlearnError(f"{run}: cannot be read ({reason(error)}).") from error
    if not found:
        raise UnlearnError(f"{path}: is not there; a run with lora_rank above 0 leaves one.")
    adapters = load_adapters(path)
    card = adapters.card
    if parent is None:
        beside = sorted(path.absolute().parent.parent.glob(f"*/{CHECKPOINT}"))
        parent = next((file for file in beside if sha256(file) == card.parent), None)
    elif (other := sha256(parent)) != card.parent:
        raise UnlearnError(
            f"{parent}: is not the checkpoint that these adapters were learnt on (SHA-256 "
            f"{other[:12]}, theirs {card.parent[:12]})."
        )
    merged = path.parent / CHECKPOINT
    fits = merged.exists() and sha256(merged) == card.merged
    return Undoable(path, adapters, parent, merged if fits else None)


def remove(undoable: Undoable, output: Path) -> str:
    """Write the network without the adapters; a sentence on how exact that is.

    The parent itself, bit for bit, if it was found; else the run's checkpoint minus the
    adapters, equal to it but for rounding, |difference| <= a few units in the last place of
    the larger of weight and change.

    Raises:
        UnlearnError: if neither was found, or the file cannot be written.
    """
    _refuse_existing(output)
    if undoable.parent is not None:
        try:
            content = undoable.parent.read_bytes()
        except OSError as error:
            raise UnlearnError(f"{undoable.parent}: cannot be read ({error.strerror}).") from error
        write_whole(output, content)
        return f"{output} written: {undoable.parent} itself, bit for bit."
    if undoable.merged is None:
        raise UnlearnError(
            f"{undoable.path}: neither the checkpoint that the adapters were learnt on nor the one "
            "that they were merged into was found; name the former with --parent."
        )
    model, _ = load_checkpoint(undoable.merged)
    remark = "Adapters taken off a merged checkpoint; equal to the original but for rounding."
    card = undoable.adapters.card.before.model_copy(update={"remark": remark})
    _write(output, undoable.adapters.added_to(model.state_dict(), times=-1), card)
    return (
        f"{output} written: {undoable.merged} minus its adapters, equal to their parent but for "
        "rounding in float32, as the parent itself was not found; --parent names it."
    )


def merge(undoable: Undoable, output: Path) -> str:
    """Write the parent with the adapters added; a sentence that says so.

    Raises:
        UnlearnError: if the parent was not found, or the file cannot be written.
    """
    _refuse_existing(output)
    if undoable.parent is None:
        raise UnlearnError(
            f"{undoable.path}: the checkpoint that the adapters were learnt on (SHA-256 "
            f"{undoable.adapters.card.parent[:12]}) lies in none of the runs beside it; name it "
            "with --parent."
        )
    model, _ = load_checkpoint(undoable.parent)
    card = undoable.adapters.card.after
    _write(output, undoable.adapters.added_to(model.state_dict()), card)
    return f"{output} written: {undoable.parent} with the adapters of '{card.strategy}'."


def _write(output: Path, weights: dict[str, Tensor], card: Card) -> None:
    save_checkpoint(output, assemble(card, weights, output.name), card)


def _refuse_existing(output: Path) -> None:
    if output.exists():
        raise WrongUse(f"{output}: is there already; accepted: the name of a new file.")
