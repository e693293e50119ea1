"""Running statistics of batch norms, taken anew after the weights before them have changed."""

from collections.abc import Generator

import torch
from torch import Tensor, nn

from napari_unlearn.unlearning.bench import Bench

BatchNorm = nn.BatchNorm2d | nn.BatchNorm3d


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """Those of a network; a VarNet has none."""
    return [part for part in model.modules() if isinstance(part, BatchNorm)]


def settle(bench: Bench) -> Generator[None, None, None]:
    """Replace the running statistics by their mean over the retain set; yields after each sample.

    A norm whose statistics stand still goes on scaling by what the layer before it used to
    give; one norm after another then multiplies the error.
    """
    norms = batch_norms(bench.model)
    momenta = [norm.momentum for norm in norms]
    # Right before each norm's own turn, as a task may freeze statistics whenever it predicts.
    hooks = [norm.register_forward_pre_hook(_counts) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    try:
        for place in range(bench.sets["retain"].count if norms else 0):
            with torch.no_grad():
                bench.task.predict(bench.model, bench.sets["retain"].read(place))
            yield
    finally:
        for norm, hook, momentum in zip(norms, hooks, momenta, strict=True):
            hook.remove()
            norm.momentum = momentum
    bench.model.train()


def _counts(norm: nn.Module, _: tuple[Tensor, ...]) -> None:
    norm.train()
