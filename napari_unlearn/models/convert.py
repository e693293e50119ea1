"""Foreign weights: fastMRI's VarNet files, read without executing anything in them."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from napari_unlearn.bounded import open_file
from napari_unlearn.errors import shortened
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import assemble
from napari_unlearn.models.error import ModelError

_TORCH = (b"PK\x03\x04", b"\x80")
"""How a zip archive and a bare pickle start."""
_LANDMARK = "sens_net.norm_unet.unet.conv.layers.0.weight"


def convert_fastmri(
    path: Path | str, named: Mapping[str, Tensor] | None = None
) -> tuple[nn.Module, Card]:
    """Read a VarNet saved by fastMRI: a plain `.pt` or a Lightning `.ckpt`.

    Numbers of cascades, channels and pools are inferred from the shapes. Lightning's
    prefix ("varnet.") and everything outside the network ("loss.w") are dropped.

    Args:
        path: Of the file.
        named: What `read_torch_weights` found in it, if that is known already.

    Raises:
        ModelError: Not such a file, damaged, or holding objects other than weights.
    """
    path = Path(path)
    named = read_torch_weights(path) if named is None else named
    prefixes = [key.removesuffix(_LANDMARK) for key in named if key.endswith(_LANDMARK)]
    if len(prefixes) != 1:
        raise ModelError(
            f"{path.name}: not a fastMRI VarNet, it has no weights '{_LANDMARK}' "
            f"(found: {', '.join(map(shortened, sorted(named)[:3])) or 'nothing'})."
        )
    weights = {
        key.removeprefix(prefixes[0]): value
        for key, value in named.items()
        if key.startswith(prefixes[0])
    }
    weights = {key: value for key, value in weights.items() if key != "loss.w"}
    card = Card(
        architecture="varnet",
        parameters=_parameters(weights, path.name),
        title=path.stem,
        remark=f"Converted from fastMRI weights {path.name}.",
    )
    return assemble(card, weights, path.name), card


def is_torch_file(path: Path) -> bool:
    """Whether a file starts as torch writes them; False if it cannot be read."""
    try:
        with open_file(path) as file:
            return file.read(4).startswith(_TORCH)
    except OSError:
        return False


def read_torch_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file of torch.save, bare or under "state_dict".

    Raises:
        ModelError: Damaged, no named weights, or holding objects other than weights.
    """
    content = _load(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ModelError(f"{path.name}: holds a {type(content).__name__}, not named weights.")
    named = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    for key, value in named.items():
        if not _whole(value):
            raise ModelError(
                f"{path.name}: weights '{shortened(key)}' claim {value.numel():,} numbers that the "
                "file does not hold one by one; plain dense weights are expected."
            )
    return named


def _whole(value: Tensor) -> bool:
    """Whether every number of a tensor has a place of its own, as in any trained network."""
    if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
        return False
    return value.untyped_storage().nbytes() >= value.numel() * value.element_size()


def _load(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ModelError(
            f"{path.name}: holds objects other than weights, which could run code, so it was "
            "not opened; save its state dict alone, torch.save(model.state_dict(), ...)."
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except Exception as error:
        # A damaged archive can raise nearly anything; none of it is a bug of ours.
        raise ModelError(f"{path.name}: damaged, or not a file of torch weights.") from error


def _parameters(weights: Mapping[str, Tensor], name: str) -> dict[str, int | float | bool | str]:
    cascades = {key.split(".")[1] for key in weights if key.startswith("cascades.")}
    networks = {"sens_": "sens_net.norm_unet.unet", "": "cascades.0.model.unet"}
    parameters: dict[str, int | float | bool | str] = {"cascades": len(cascades)}
    for prefix, network in networks.items():
        first = f"{network}.down_sample_layers.0.layers.0.weight"
        if first not in weights or weights[first].ndim != 4:
            raise ModelError(f"{name}: not a fastMRI VarNet, weights '{first}' are missing.")
        start = f"{network}.down_sample_layers."
        levels = {key[len(start) :].split(".")[0] for key in weights if key.startswith(start)}
        parameters[f"{prefix}channels"] = weights[first].shape[0]
        parameters[f"{prefix}pools"] = len(levels)
    return parameters
