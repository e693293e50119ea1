"""Checkpoint files: weights as safetensors, with the card in the file's header."""

import hashlib
import json
import os
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import open_file
from napari_unlearn.errors import reason, shortened
from napari_unlearn.models.blueprint import blueprint
from napari_unlearn.models.card import Card
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.lora import merged_state

_LARGEST_HEADER = 1 << 24  # bytes; a 12-cascade VarNet needs 50 kB
_DAMAGE = (
    *(SafetensorError, OSError, RuntimeError, ValueError, TypeError, AttributeError),
    *(MemoryError, OverflowError),
)
"""What safetensors raises over damaged or enormous files."""


def save_checkpoint(
    path: Path | str, model: nn.Module, card: Card, dtype: torch.dtype | None = None
) -> None:
    """Write weights and card in one go; a crash leaves the old file or the new one, whole.

    Args:
        path: Usually ends in .safetensors.
        model: Its `state_dict` is stored, adapters added to the weights that they change.
        card: Its architecture and parameters must rebuild `model`.
        dtype: Stored type of floating weights, e.g. `torch.float16`; None keeps theirs.

    Raises:
        UnlearnError: The folder cannot be written.
    """
    weights = {
        # clone: tied or strided tensors must not share memory in the file
        name: (value.detach().to(dtype) if dtype and value.is_floating_point() else value.detach())
        .cpu()
        .clone(memory_format=torch.contiguous_format)
        for name, value in merged_state(model).items()
    }
    write_whole(path, save(weights, metadata={"card": card.model_dump_json()}))


def load_checkpoint(path: Path | str, device: str | torch.device = "cpu") -> tuple[nn.Module, Card]:
    """Build the network of a checkpoint and fill it, in float32 whatever the file stores.

    Raises:
        ModelError: The file is not a whole checkpoint of ours; nothing in it is executed.
    """
    path = Path(path)
    card = read_card(path)
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except _DAMAGE as error:
        raise ModelError(f"{path.name}: damaged checkpoint ({reason(error)}).") from error
    return assemble(card, weights, path.name).to(device), card


def assemble(card: Card, weights: dict[str, Tensor], name: str) -> nn.Module:
    """Build the card's network around weights if, and only if, every key and shape fits.

    Raises:
        ModelError: Names the file and the first key that is missing, unknown or does not fit.
    """
    try:
        model = blueprint(card.architecture, card.parameters, 50 + 20 * len(weights))
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    own = model.state_dict()
    for key, value in own.items():
        if key not in weights:
            raise ModelError(f"{name}: weights '{shortened(key)}' are missing.")
        floating = value.is_floating_point()
        if weights[key].shape != value.shape or weights[key].is_floating_point() != floating:
            raise ModelError(
                f"{name}: weights '{key}' are {weights[key].dtype} {tuple(weights[key].shape)}, "
                f"the network needs {'floating-point' if floating else 'integer'} "
                f"{tuple(value.shape)}."
            )
    unknown = weights.keys() - own.keys()
    if unknown:
        raise ModelError(f"{name}: the network has no weights '{shortened(min(unknown))}'.")
    # Whole numbers are the counters of batch norms.
    model.load_state_dict({key: weights[key].to(own[key].dtype) for key in own}, assign=True)
    return model


def read_card(path: Path | str) -> Card:
    """Read what a checkpoint says about itself; only the header is read.

    Raises:
        ModelError: No checkpoint of ours.
    """
    path = Path(path)
    header = _header(path)
    metadata = header.get("__metadata__")
    text = metadata.get("card") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelError(
            f"{path.name}: a safetensors file without a card; only checkpoints saved by "
            "napari-unlearn say which network they belong to."
        )
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "text"
        raise ModelError(f"{path.name}: unusable card ({where}: {first['msg']}).") from error


def _header(path: Path) -> dict[str, object]:
    try:
        with open_file(path) as file:
            size = int.from_bytes(file.read(8), "little")
            rest = os.fstat(file.fileno()).st_size - 8
            if rest < 2 or not 2 <= size <= min(rest, _LARGEST_HEADER):
                raise ModelError(
                    f"{path.name}: not a safetensors checkpoint, or cut short "
                    f"(its header claims {size} of {max(rest, 0)} bytes)."
                )
            header = json.loads(file.read(size))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: not a safetensors checkpoint.") from error
    if not isinstance(header, dict):
        raise ModelError(f"{path.name}: not a safetensors checkpoint.")
    return header


def sha256(path: Path | str) -> str:
    """Fingerprint of a file, as the child's card names its parent."""
    try:
        with open_file(Path(path)) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}).") from error
