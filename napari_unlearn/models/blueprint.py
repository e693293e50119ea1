"""A network as a stranger's card describes it: shapes without numbers, and not without end."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from napari_unlearn.errors import reason
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.registry import build

MOST_LAYERS = 20_000
"""Parts of a network; the paper's VarNet of 12 cascades has about 1,500."""
_IMPOSSIBLE = (
    *(RuntimeError, TypeError, ValueError, ArithmeticError, LookupError),
    *(MemoryError, AttributeError),
)


def blueprint(
    architecture: str,
    parameters: Mapping[str, int | float | bool | str],
    most_layers: int = MOST_LAYERS,
) -> nn.Module:
    """Make a network on PyTorch's meta device: nothing is allocated or drawn for its weights.

    Raises:
        ModelError: The architecture or a parameter is unknown, no network can have such
            parameters, or it would have more than `most_layers` parts.
    """
    try:
        with torch.device("meta"), _at_most(most_layers, architecture):
            return build(architecture, parameters)
    except _IMPOSSIBLE as error:
        raise ModelError(f"no {architecture} has such parameters ({reason(error)}).") from error


@contextmanager
def _at_most(layers: int, architecture: str) -> Iterator[None]:
    """Stop a network that is still growing; one of a billion blocks would take days."""
    count, here = 0, threading.get_ident()

    def look(*_: object) -> None:
        nonlocal count
        count += threading.get_ident() == here
        if count > layers:
            raise ModelError(
                f"its card describes a {architecture} of more than {layers:,} parts, far more "
                "than it has weights for."
            )

    handle = register_module_module_registration_hook(look)
    try:
        yield
    finally:
        handle.remove()
