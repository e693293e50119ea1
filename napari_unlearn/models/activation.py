"""Instance norm and leaky ReLU in one differentiable step, fast on channels-last CPU tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from napari_unlearn.models.rows import (
    EPSILON,
    kernels,
    lanes_of,
    parts_of,
    place,
    readable,
    share,
)

SLOPE = 0.2
_SLOPES = {torch.float32: np.float32(SLOPE), torch.float64: np.float64(SLOPE)}


def normalise_and_leak(image: Tensor) -> Tensor:
    """Standardise every channel of every image, then leaky ReLU.

    y = leaky((x - mean(x)) / sqrt(var(x) + 1e-5)),  leaky(z) = max(z, 0.2 z)

    Args:
        image: (batch, channels, rows, columns).
    """
    if is_fused(image):
        if torch.is_grad_enabled():
            return _NormaliseAndLeak.apply(image)
        output = torch.empty_like(image, memory_format=torch.channels_last)
        forwards(image, output)
        return output
    return functional.leaky_relu(functional.instance_norm(image, eps=EPSILON), SLOPE)


def is_fused(image: Tensor) -> bool:
    """Whether such images are computed by the code of this file rather than by torch's own.

    Those of the "meta" device, on which memory is counted, count as those of a CPU.
    """
    return (
        image.device.type in ("cpu", "meta")
        and image.dtype in _SLOPES
        and not torch.compiler.is_compiling()
        and (image.is_meta or kernels() is not None)
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
    batch, channels, rows, columns = image.shape
    inverse = image.new_empty(batch, channels)
    if image.is_meta:
        return inverse
    parts = parts_of(image)
    image = image.contiguous(memory_format=torch.channels_last)
    common = ((batch, rows, columns, channels), lanes_of(channels, columns), _SLOPES[image.dtype])
    moments = _scratch(batch, parts, channels)
    known = (image.data_ptr(), moments.data_ptr())
    share(parts, "measure", *common, *known)
    small = 0 if pooled is None else pooled.data_ptr()
    share(parts, "standardise", *common, *known, inverse.data_ptr(), *place(output), small)
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
    batch, channels, rows, columns = output.shape
    parts, gradient = parts_of(output), readable(gradient)
    if pooled is not None:
        pooled = pooled.contiguous(memory_format=torch.channels_last)
    small = 0 if pooled is None else pooled.data_ptr()
    common = ((batch, rows, columns, channels), lanes_of(channels, columns), _SLOPES[output.dtype])
    kept, sums, into = place(output), _scratch(batch, parts, channels), result.data_ptr()
    share(parts, "gather", *common, *kept, *place(gradient), small, into, sums.data_ptr())
    share(parts, "project", *common, *kept, sums.data_ptr(), inverse.data_ptr(), into)
    return result


def _scratch(batch: int, parts: int, channels: int) -> Tensor:
    """Two numbers per part and channel."""
    return torch.empty(batch, parts, 2, channels, dtype=torch.float64)
