"""What a network holds on the way to its answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def tapped(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the outputs of the stages that a network names in `stages`, in their order."""
    outputs: list[Tensor] = []

    def note(_: nn.Module, __: object, output: Tensor) -> None:
        outputs.append(output)

    network = next((part for part in model.modules() if hasattr(part, "stages")), None)
    stages: list[nn.Module] = [] if network is None else list(network.stages)  # type: ignore[arg-type]
    hooks = [stage.register_forward_hook(note) for stage in stages]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
