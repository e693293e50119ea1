"""Forgetting in closed form: every layer refitted to answer the forget set as a fresh network."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.bench import Bench
from napari_unlearn.unlearning.edits import Edit
from napari_unlearn.unlearning.norms import batch_norms, settle
from napari_unlearn.unlearning.parameters import Range

Convolution = nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose2d | nn.ConvTranspose3d
RIDGE = 1e-4
"""Of the mean energy of a layer's inputs: keeps the solution finite where neither set has any."""


@dataclass(frozen=True)
class Refit(Edit):
    """Refit each layer: the original's response to the retain set, a fresh one's to the forget set.

    W <- argmin_V  E_r ||V a - W a||^2 + forgetting * E_f ||V a - W_0 a||^2
       = W_0 + (W - W_0) C_r (C_r + forgetting * C_f)^-1,      C = E[a a^T]

    a are the layer's inputs (patches of a convolution, with a 1 for the bias) in the original,
    W_0 the weights of a network freshly drawn from the original's seed. Directions that only
    the retain set excites keep their weights, those that only the forget set excites lose them.
    No gradients: one forward pass over each sample at hand. Batch norms keep their weights and
    get running statistics anew, in another pass over the retain set.

    Of this project; its ancestors are gradient projection memory (Saha et al., ICLR 2021) and
    Deep Unlearning by singular value decomposition (Kodge et al., TMLR 2024).
    """

    forgetting: Annotated[float, Range(0, 100, "weight of the forget set")] = 0.1

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sets."""
        return ("forget", "retain")

    pass_work: ClassVar[float] = 1 / 3
    """A forward pass alone."""

    def passes(self, bench: Bench) -> int:
        """One per sample, and one more per retain sample if there are batch norms."""
        again = bench.sets["retain"].count if batch_norms(bench.model) else 0
        return sum(bench.sets[name].count for name in self.reads) + again

    def apply(self, bench: Bench) -> Generator[None, None, None]:
        """Gather the second moments of all layers' inputs, solve layer by layer, settle norms.

        Raises:
            UnlearnError: if the inputs of a layer are not finite.
        """
        moments, origins = {}, bench.draw_fresh()
        for name in self.reads:
            moments[name] = yield from input_moments(bench, name)
        for name, layer in layers(bench.model).items():
            own = dict(layer.named_parameters(prefix=name, recurse=False))
            fresh = [origins[key].detach().to(weight) for key, weight in own.items()]
            matrix, origin = _matrix(layer, *_parameters(layer)), _matrix(layer, *fresh)
            retain, forget = moments["retain"][name], moments["forget"][name]
            _store(layer, self.solve(matrix, origin, retain, forget))
        yield from settle(bench)

    def solve(self, weights: Tensor, fresh: Tensor, retain: Tensor, forget: Tensor) -> Tensor:
        """The formula above, with (outputs, inputs) weights and (inputs, inputs) moments."""
        ridge = RIDGE * retain.trace() / len(retain) * torch.eye(len(retain)).to(retain)
        energy = retain + self.forgetting * forget + ridge
        # The ridge is counted as something to keep: without a forget set nothing changes.
        kept = (weights - fresh) @ (retain + ridge)
        return fresh + torch.linalg.solve(energy, kept.T).T


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """Layers that are one matrix on patches of their input, by name."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | Transposed)
        or (isinstance(layer, Convolution) and layer.groups == 1)
    }


def input_moments(bench: Bench, set_name: str) -> Generator[None, None, Mapping[str, Tensor]]:
    """Mean of a a^T over positions and samples of a set, by layer; summed in double precision.

    Raises:
        UnlearnError: if they are not finite.
    """
    samples = bench.sets[set_name]
    found: dict[str, Tensor] = {}

    def gather(name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        patches = _patches(layer, inputs[0].detach())
        moment = (patches @ patches.T).double() / patches.shape[1]
        found[name] = moment / samples.count + found.get(name, 0)

    hooks = []
    for name, layer in layers(bench.model).items():
        hooks.append(layer.register_forward_pre_hook(partial(gather, name)))
    bench.model.eval()
    try:
        for place in range(samples.count):
            with torch.no_grad():
                bench.task.predict(bench.model, samples.read(place))
            yield
    finally:
        for hook in hooks:
            hook.remove()
        bench.model.train()
    if not all(bool(moment.isfinite().all()) for moment in found.values()):
        raise UnlearnError(
            f"The original's answers are not finite on one of the {set_name} samples; look for "
            "empty or damaged slices in that set."
        )
    return found


def _patches(layer: nn.Module, image: Tensor) -> Tensor:
    """What the layer's matrix is multiplied with, (inputs, positions)."""
    if isinstance(layer, Convolution):
        flat = _windows(layer, image)
    elif isinstance(layer, Transposed):
        flat = image.transpose(0, 1).flatten(1)
    else:
        flat = image.reshape(-1, image.shape[-1]).T
    if layer.bias is None:
        return flat
    return torch.cat([flat, torch.ones_like(flat[:1])])


def _windows(layer: nn.Conv2d | nn.Conv3d, image: Tensor) -> Tensor:
    """What lies under the kernel at each of its places, (channels * kernel, batch * places)."""
    axes = len(layer.kernel_size)
    windows = functional.pad(image, [size for size in reversed(_padding(layer)) for _ in range(2)])
    for axis in range(axes):
        step = layer.dilation[axis]
        reach = step * (layer.kernel_size[axis] - 1) + 1
        windows = windows.unfold(2 + axis, reach, layer.stride[axis])[..., ::step]
    order = (1, *range(2 + axes, 2 + 2 * axes), 0, *range(2, 2 + axes))
    return windows.permute(order).flatten(0, axes).flatten(1)


def _padding(layer: nn.Conv2d | nn.Conv3d) -> tuple[int, ...]:
    if isinstance(layer.padding, str):
        raise UnlearnError(f"A convolution padded '{layer.padding}' cannot be refitted.")
    return layer.padding


def _parameters(layer: nn.Module) -> list[Tensor]:
    return [part.detach() for part in (layer.weight, layer.bias) if isinstance(part, Tensor)]


def _matrix(layer: nn.Module, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(outputs, inputs) in double precision; a bias is the last column."""
    flat = weight.flatten(1)
    matrix = (flat.T if isinstance(layer, Transposed) else flat).double()
    if bias is None:
        return matrix
    # A transposed convolution gives each output several places, all with the same bias.
    repeats = len(matrix) // len(bias)
    return torch.cat([matrix, bias.double().repeat_interleave(repeats)[:, None]], 1)


def _store(layer: nn.Module, matrix: Tensor) -> None:
    with torch.no_grad():
        if isinstance(layer.bias, Tensor):
            column, matrix = matrix[:, -1], matrix[:, :-1]
            layer.bias.copy_(column.view(len(layer.bias), -1).mean(1))
        weight = cast(Tensor, layer.weight)
        chosen = matrix.T if isinstance(layer, Transposed) else matrix
        weight.copy_(chosen.reshape(weight.shape))
