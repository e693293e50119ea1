"""Low-rank adapters of a run: what they are, the network without them, the network with them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unlearn.cli.app import AsJson, app
from napari_unlearn.errors import WrongUse

if TYPE_CHECKING:
    from napari_unlearn.models.adapter_file import Adapters, Layer


@app.command()
def adapters(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or its adapters.safetensors.")],
    list_: Annotated[bool, typer.Option("--list", help="Say what they are (the default).")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Write the network as it was before them.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Write their parent with them added.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Checkpoint to write.")
    ] = None,
    parent: Annotated[
        Path | None,
        typer.Option(help="Checkpoint they were learnt on; else looked for in the runs beside."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Undo an unlearning with low-rank adapters (--set lora_rank=4), or do it again.

    Removing gives back the original bit for bit where its file is found, else to rounding.

    Example: napari-unlearn adapters study/runs/ft --remove -o undone.safetensors
    """
    from napari_unlearn.unlearning import undo

    if list_ + remove + merge > 1:
        raise WrongUse("Of --list, --remove and --merge only one can be asked for at a time.")
    writes = remove or merge
    if writes != (output is not None):
        raise WrongUse("--remove and --merge need -o FILE, the checkpoint to write; --list none.")
    found = undo.open_adapters(run, parent)
    if output is not None:
        typer.echo((undo.remove if remove else undo.merge)(found, output))
        return
    typer.echo(_as_json(found.adapters) if as_json else _as_text(found.adapters))


def _as_json(adapters: "Adapters") -> str:
    from dataclasses import asdict

    card, layers = adapters.card, adapters.layers
    about = {
        **card.model_dump(include={"strategy", "parent", "merged", "rank", "alpha"}),
        "parameters": sum(layer.parameters for layer in layers),
        "network_parameters": adapters.network_parameters,
        "norm": _norm(layers),
        "layers": [asdict(layer) for layer in layers],
    }
    return json.dumps(about, indent=2)


def _as_text(adapters: "Adapters") -> str:
    card, layers = adapters.card, adapters.layers
    count = sum(layer.parameters for layer in layers)
    share = 100 * count / adapters.network_parameters
    lines = [
        f"Adapters of '{card.strategy}', rank {card.rank}, alpha {card.alpha:g}, learnt on "
        f"{card.before.title or 'a checkpoint'} (SHA-256 {card.parent[:12]})",
        f"{len(layers)} layers, {count:,} parameters, {share:.1f} % of the network's; "
        f"norm of the change {_norm(layers):.4g}",
    ]
    width = max((len(layer.weight) for layer in layers), default=0)
    lines += [
        f"  {layer.weight:<{width}}  rank {layer.rank:>3}  {layer.parameters:>9,} parameters  "
        f"norm {layer.norm:.4g}"
        for layer in layers
    ]
    return "\n".join(lines)


def _norm(layers: "tuple[Layer, ...]") -> float:
    return sum(layer.norm**2 for layer in layers) ** 0.5
