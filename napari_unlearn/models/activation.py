"""Instance norm and leaky ReLU in one differentiable step, fast on channels-last CPU tensors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SLOPE = 0.2
EPSILON = 1e-5
_LITTLE = 10_000  # pixels of one image up to which torch's own batch norm is at least as quick
_ACCURATE = 400  # pixels over which torch may sum naively forwards
_GOOD_ENOUGH = 10_000  # and backwards, where the error is not handed from layer to layer
_FOLDS = (64, 32, 16, 8, 4, 2)
_aten = torch.ops.aten


def normalise_and_leak(image: Tensor) -> Tensor:
    """Standardise every channel of every image, then leaky ReLU.

    y = leaky((x - mean(x)) / sqrt(var(x) + 1e-5)),  leaky(z) = max(z, 0.2 z)

    Args:
        image: (batch, channels, rows, columns).
    """
    if not is_fused(image):
        return functional.leaky_relu(functional.instance_norm(image, eps=EPSILON), SLOPE)
    if is_little(image):  # batch norm of one image is instance norm
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


def is_little(image: Tensor) -> bool:
    """Whether one image is so small that torch's own functions are the quickest."""
    return len(image) == 1 and 1 < image[0, 0].numel() <= _LITTLE


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
    fold = _fold(image, _ACCURATE)
    found = [torch.stack(_statistics(x)) for x in _folded(image, fold)]
    moments = torch.stack(found, 1).unflatten(2, (fold, -1))
    mean, variance = moments.mean(2)
    inverse = variance.add_(moments[0].var(1, correction=0)).add_(EPSILON).rsqrt_()
    width = image.shape[3]
    rows = torch.addcmul(_spread(-mean * inverse, width), _rows(image), _spread(inverse, width))
    return _image(functional.leaky_relu_(rows, SLOPE), image.shape), inverse


def backwards(gradient: Tensor, output: Tensor, inverse: Tensor) -> Tensor:
    """The derivative, from what `forwards` gave.

    dx = (d - mean(d) - z mean(d z)) / std,  z the standardised input, d the gradient at z
    """
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    output = output.contiguous(memory_format=torch.channels_last)
    d = _aten.leaky_relu_backward(gradient, output, SLOPE, True)
    z = functional.leaky_relu(output, 1 / SLOPE)
    fold = _fold(output, _GOOD_ENOUGH)
    channels = fold * output.shape[1]
    zero, one = output.new_zeros(channels), output.new_ones(channels)
    # Batch norm's derivatives with respect to its weight and bias are the sums of d z and d.
    known = (one, zero, one, zero, one, False, 0.0, (False, True, True))
    found = [
        torch.stack(_aten.native_batch_norm_backward(*pair, *known)[1:])
        for pair in zip(_folded(d, fold), _folded(z, fold), strict=True)
    ]
    sums = torch.stack(found, 1).unflatten(2, (fold, -1)).sum(2)
    width = output.shape[3]
    slant, offset = (_spread(each, width) for each in sums * (inverse / -output[0, 0].numel()))
    rows = _rows(z)
    torch.addcmul(offset, rows, slant, out=rows)
    rows.addcmul_(_rows(d), _spread(inverse, width))
    return z


def _fold(image: Tensor, most: int) -> int:
    """How many neighbouring pixels to see as one: as few as keep the sums accurate."""
    if image.is_meta:
        return 1
    pixels = image[0, 0].numel()
    possible = [fold for fold in _FOLDS if image.shape[3] % fold == 0]
    enough = [fold for fold in (*possible, 1) if pixels <= most * fold]
    return enough[-1] if enough else possible[0] if possible else 1


def _statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of one image."""
    if image.is_meta:
        return image.new_empty(image.shape[1]), image.new_empty(image.shape[1])
    return _aten.batch_norm_update_stats(image, None, None, 0.0)


def _folded(image: Tensor, fold: int) -> list[Tensor]:
    """See each image as (1, fold * channels, rows, columns / fold)."""
    _, channels, rows, columns = image.shape
    pixels = image.permute(0, 2, 3, 1).view(-1, rows, columns // fold, fold * channels)
    return list(pixels.permute(0, 3, 1, 2).split(1))


def _rows(image: Tensor) -> Tensor:
    """See (batch, channels, rows, columns) as (batch, rows, columns * channels)."""
    return image.permute(0, 2, 3, 1).view(len(image), image.shape[2], -1)


def _image(rows: Tensor, shape: torch.Size) -> Tensor:
    """Undo `_rows`."""
    batch, channels, height, width = shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _spread(values: Tensor, width: int) -> Tensor:
    """Repeat (batch, channels) along a row, (batch, 1, columns * channels)."""
    return values.repeat(1, width)[:, None]
