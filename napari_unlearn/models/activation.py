"""Instance norm and leaky ReLU in one differentiable step, fast on channels-last CPU tensors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SLOPE = 0.2
EPSILON = 1e-5
_TINY = 1 << 14  # elements below which calls cost more than memory: torch's own autograd
_ACCURATE = 2500  # pixels up to which torch's naive sums stay accurate enough forwards
_GOOD_ENOUGH = 10_000  # and backwards, where their error is not handed from layer to layer
_FOLDS = (32, 16, 8, 4, 2)
_aten = torch.ops.aten


def normalise_and_leak(image: Tensor) -> Tensor:
    """Standardise every channel of every image, then leaky ReLU.

    y = leaky((x - mean(x)) / sqrt(var(x) + 1e-5)),  leaky(z) = max(z, 0.2 z)

    Args:
        image: (batch, channels, rows, columns).
    """
    if not is_fused(image):
        return functional.leaky_relu(functional.instance_norm(image, eps=EPSILON), SLOPE)
    if len(image) == 1 and image[0, 0].numel() > 1 and image.numel() <= _TINY:
        # One image: batch norm is instance norm.
        normalised = functional.batch_norm(image, None, None, training=True, eps=EPSILON)
        return functional.leaky_relu_(normalised, SLOPE)
    return _NormaliseAndLeak.apply(image)


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
        output, inverse = forwards(image)
        ctx.save_for_backward(output, inverse)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return backwards(gradient, *ctx.saved_tensors)


def forwards(image: Tensor) -> tuple[Tensor, Tensor]:
    """The value without its derivative.

    torch's instance norm reorders channels-last tensors, so its batch norm does the work, one
    image at a time. That sums naively (relative error 1e-5 at 320x320) and is slow where the
    channels do not fill whole vectors: of large images several neighbouring pixels are seen as
    one with so many times the channels, whose statistics are then joined.

    Returns:
        Output (channels last), and 1 / sqrt(var + 1e-5) as (batch, channels).
    """
    image = image.contiguous(memory_format=torch.channels_last)
    output = torch.empty_like(image)
    inverses = image.new_empty(image.shape[:2])
    fold = _fold(image, _ACCURATE)
    nothing = image.new_empty(0)
    for index, inverse in enumerate(inverses):
        x, y = (_folded(each[index : index + 1], fold) for each in (image, output))
        if fold == 1:
            arguments = (None, None, None, None, True)
            saved = {"save_mean": image.new_empty(len(inverse)), "save_invstd": inverse}
        else:
            means, variances = _aten.batch_norm_update_stats(x, None, None, 0.0)
            means = means.view(fold, -1)
            mean = means.mean(0)
            variance = variances.view(fold, -1).mean(0).add_(means.var(0, correction=0))
            torch.rsqrt(variance + EPSILON, out=inverse)
            arguments = (None, None, mean.repeat(fold), variance.repeat(fold), False)
            saved = {"save_mean": nothing, "save_invstd": nothing}
        _aten.native_batch_norm.out(x, *arguments, 0.0, EPSILON, out=y, **saved)
        functional.leaky_relu_(y, SLOPE)
    return output, inverses


def backwards(gradient: Tensor, output: Tensor, inverses: Tensor) -> Tensor:
    """The derivative, from what `forwards` gave.

    dx = (d - mean(d) - z mean(d z)) / std,  z the standardised input, d the gradient at z
    """
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    output = output.contiguous(memory_format=torch.channels_last)
    fold = _fold(output, _GOOD_ENOUGH)
    channels = fold * output.shape[1]
    zero, one = output.new_zeros(channels), output.new_ones(channels)
    results = []
    for index, inverse in enumerate(inverses):
        y, dy = (_folded(each[index : index + 1], fold) for each in (output, gradient))
        d = _aten.leaky_relu_backward(dy, y, SLOPE, True)
        z = functional.leaky_relu(y, 1 / SLOPE)
        known = (zero, one, zero, one)
        if fold == 1:  # of a standardised input batch norm's own derivative is what is sought
            result, _, _ = _aten.native_batch_norm_backward(
                d, z, inverse, *known, True, 0.0, (True, False, False)
            )
        else:
            _, slant, offset = _aten.native_batch_norm_backward(
                d, z, one, *known, False, 0.0, (False, True, True)
            )
            scale = inverse * (-channels / (fold * y.numel()))
            slant, offset = ((each.view(fold, -1).sum(0) * scale) for each in (slant, offset))
            weights = (slant.repeat(fold), offset.repeat(fold))
            result, _, _ = _aten.native_batch_norm(z, *weights, zero, one, False, 0.0, 0.0)
            result.addcmul_(d, inverse.repeat(fold)[:, None, None])
        results.append(_unfolded(result, fold))
    return results[0] if len(results) == 1 else torch.cat(results)


def _fold(image: Tensor, most: int) -> int:
    """How many neighbouring pixels to see as one: as few as keep the sums accurate."""
    if image.is_meta:
        return 1
    pixels = image[0, 0].numel()
    possible = [fold for fold in _FOLDS if image.shape[3] % fold == 0]
    enough = [fold for fold in (*possible, 1) if pixels <= most * fold]
    return enough[-1] if enough else possible[0] if possible else 1


def _folded(image: Tensor, fold: int) -> Tensor:
    """See (batch, channels, rows, columns) as (batch, fold * channels, rows, columns / fold)."""
    batch, channels, rows, columns = image.shape
    pixels = image.permute(0, 2, 3, 1)
    return pixels.view(batch, rows, columns // fold, fold * channels).permute(0, 3, 1, 2)


def _unfolded(image: Tensor, fold: int) -> Tensor:
    batch, channels, rows, columns = image.shape
    pixels = image.permute(0, 2, 3, 1)
    return pixels.view(batch, rows, columns * fold, channels // fold).permute(0, 3, 1, 2)
