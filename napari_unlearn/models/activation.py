"""Instance norm and leaky ReLU in one differentiable step, fast on channels-last CPU tensors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from napari_unlearn.models.rows import lanes_of, parts_of, rows_of, scratch, share

SLOPE = 0.2
EPSILON = 1e-5


def normalise_and_leak(image: Tensor) -> Tensor:
    """Standardise every channel of every image, then leaky ReLU.

    y = leaky((x - mean(x)) / sqrt(var(x) + 1e-5)),  leaky(z) = max(z, 0.2 z)

    Args:
        image: (batch, channels, rows, columns).
    """
    if is_fused(image):
        return _NormaliseAndLeak.apply(image)
    return functional.leaky_relu(functional.instance_norm(image, eps=EPSILON), SLOPE)


def is_fused(image: Tensor) -> bool:
    """Whether such images are computed by the code of this file rather than by torch's own.

    Those of the "meta" device, on which memory is counted, count as those of a CPU.
    """
    return (
        image.device.type in ("cpu", "meta")
        and image.dtype in (torch.float32, torch.float64)
        and not torch.compiler.is_compiling()
    )


class _NormaliseAndLeak(torch.autograd.Function):
    """Keeps its output only: leaky ReLU can be inverted, so the input is not needed again."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        output = torch.empty_like(image, memory_format=torch.channels_last)
        ctx.save_for_backward(output, forwards(image, output))
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return backwards(gradient, *ctx.saved_tensors)


def forwards(image: Tensor, output: Tensor, pooled: Tensor | None = None) -> Tensor:
    """The value without its derivative.

    Args:
        image: (batch, channels, rows, columns).
        output: Of that shape, channels last or some channels of such a tensor; filled.
        pooled: Of half as many rows and columns, channels last; filled with means of 2x2 pixels.

    Returns:
        1 / sqrt(var + 1e-5), (batch, channels).
    """
    batch, channels = image.shape[:2]
    inverse = image.new_empty(batch, channels)
    if image.is_meta:
        return inverse
    from napari_unlearn.models import kernels

    values, parts = rows_of(image).values, parts_of(image)
    small = rows_of(output[:0, :, :0] if pooled is None else pooled).values
    moments = scratch(batch, parts, channels)
    lanes, found, into = lanes_of(image), inverse.numpy(), rows_of(output)
    share(lambda part: kernels.measure(values, channels, lanes, part, parts, moments), parts)
    share(
        lambda part: kernels.standardise(
            values, channels, lanes, part, parts, moments, EPSILON, SLOPE, found, *into, small
        ),
        parts,
    )
    return inverse


def backwards(
    gradient: Tensor, output: Tensor, inverse: Tensor, pooled: Tensor | None = None
) -> Tensor:
    """The derivative, from what `forwards` was given and gave.

    dx = (d - mean(d) - z mean(d z)) / std,  z the standardised input, d the gradient at z

    Args:
        gradient: At the output.
        output: As filled by `forwards`.
        inverse: As `forwards` gave it.
        pooled: Gradient at the means of 2x2 pixels.

    Returns:
        (batch, channels, rows, columns), channels last.
    """
    result = torch.empty_like(output, memory_format=torch.channels_last)
    if output.is_meta:
        return result
    from napari_unlearn.models import kernels

    batch, channels = output.shape[:2]
    parts, lanes = parts_of(output), lanes_of(output)
    small = rows_of(output[:0, :, :0] if pooled is None else pooled).values
    come, kept, left = rows_of(gradient), rows_of(output), rows_of(result).values
    sums, found = scratch(batch, parts, channels), inverse.numpy()
    share(
        lambda part: kernels.gather(
            *come, small, *kept, channels, lanes, SLOPE, part, parts, left, sums
        ),
        parts,
    )
    share(
        lambda part: kernels.project(
            *kept, channels, lanes, SLOPE, part, parts, sums, found, left
        ),
        parts,
    )
    return result
