"""Networks by name, as cards and experiment files ask for them."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from napari_unlearn.errors import shortened
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.med3d import Med3D
from napari_unlearn.models.varnet import VarNet

ARCHITECTURES: dict[str, type[nn.Module]] = {"varnet": VarNet, "med3d": Med3D}


def build(architecture: str, parameters: Mapping[str, int | float | bool | str]) -> nn.Module:
    """Make a network with fresh weights.

    Raises:
        ModelError: The name or a parameter is unknown, or a value cannot be.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"Architecture '{shortened(architecture)}' is unknown; choose one of "
            f"{', '.join(ARCHITECTURES)}."
        )
    network = ARCHITECTURES[architecture]
    accepted = list(inspect.signature(network).parameters)
    unknown = [name for name in parameters if name not in accepted]
    if unknown:
        raise ModelError(
            f"{architecture} has no parameter '{shortened(unknown[0])}'; it takes "
            f"{', '.join(accepted)}."
        )
    return network(**parameters)


def parameters_of(architecture: str) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of every keyword argument of an architecture that is known."""
    signature = inspect.signature(ARCHITECTURES[architecture])
    return {name: (entry.annotation, entry.default) for name, entry in signature.parameters.items()}
