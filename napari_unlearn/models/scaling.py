"""Complex images to mean 0 and standard deviation 1 and back, differentiated in few passes."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def standardise(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Real and imaginary part, each with mean 0 and standard deviation 1:  s = (x - mean) / std.

    Args:
        image: (batch, rows, columns), complex.

    Returns:
        (batch, 2, rows, columns), channels last at no cost; mean and std, (batch, 2, 1, 1).
    """
    return _Standardise.apply(image)


def restore(parts: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `standardise`:  x = s std + mean.

    Args:
        parts: (batch, 2, rows, columns), real.
        mean: (batch, 2, 1, 1).
        std: As the mean.

    Returns:
        (batch, rows, columns), complex.
    """
    return _Restore.apply(parts, mean, std)


class _Standardise(torch.autograd.Function):
    """dx = d / std + (d_mean - sum(d) / std) / n + s (d_std - sum(d s) / std) / (n - 1).

    d, d_mean and d_std are the gradients at s, mean and std, of n pixels.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, rows, columns = image.shape
        lines = _lines(image)
        mean = _per_part(lines.mean(1)) / columns
        centred = lines - _along(mean, columns)
        energy = _per_part((centred * centred).sum(1))
        # Unbiased as in fastMRI; an empty slice has nothing to scale: 1 instead of its 0 / 0.
        std = torch.where(energy == 0, 1, energy / max(rows * columns - 1, 1)).sqrt()
        scaled = centred.div_(_along(std, columns))
        ctx.save_for_backward(scaled, std)
        parts = scaled.view(batch, rows, columns, 2).permute(0, 3, 1, 2)
        return parts, mean[:, :, None, None], std[:, :, None, None]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, to_mean: Tensor, to_std: Tensor) -> Tensor:
        scaled, std = ctx.saved_tensors
        batch, _, rows, columns = gradient.shape
        lines = gradient.permute(0, 2, 3, 1).reshape(scaled.shape)
        count = rows * columns
        plain = (to_mean.flatten(1) - _per_part(lines.sum(1)) / std) / count
        slope = to_std.flatten(1) - _per_part((lines * scaled).sum(1)) / std
        result = torch.addcmul(_along(plain, columns), lines, _along(1 / std, columns))
        result.addcmul_(scaled, _along(slope / max(count - 1, 1), columns))
        return torch.view_as_complex(result.view(batch, rows, columns, 2))


class _Restore(torch.autograd.Function):
    """ds = d std,  d_mean = sum(d),  d_std = sum(d s)."""

    @staticmethod
    def forward(ctx: Any, parts: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        ctx.save_for_backward(parts if ctx.needs_input_grad[2] else None, std)
        batch, _, rows, columns = parts.shape
        pixels = mean.new_empty(batch, rows, columns, 2)
        torch.addcmul(mean, parts, std, out=pixels.permute(0, 3, 1, 2))
        return torch.view_as_complex(pixels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        parts, std = ctx.saved_tensors
        lines = _lines(gradient)
        to_parts = to_mean = to_std = None
        if ctx.needs_input_grad[0]:
            pixels = lines.view(*gradient.shape, 2).permute(0, 3, 1, 2)
            to_parts = pixels * std
        if ctx.needs_input_grad[1]:
            to_mean = _per_part(lines.sum(1))[:, :, None, None]
        if ctx.needs_input_grad[2]:
            known = parts.permute(0, 2, 3, 1).reshape(lines.shape)
            to_std = _per_part((lines * known).sum(1))[:, :, None, None]
        return to_parts, to_mean, to_std


def _lines(image: Tensor) -> Tensor:
    """See (batch, rows, columns) as re, im, re, im ... so that sums run over long vectors."""
    return torch.view_as_real(image.contiguous()).flatten(2)


def _per_part(sums: Tensor) -> Tensor:
    """Add (batch, 2 * columns) to (batch, 2)."""
    return sums.view(len(sums), -1, 2).sum(1)


def _along(numbers: Tensor, columns: int) -> Tensor:
    """Repeat (batch, 2) to (batch, 1, 2 * columns)."""
    return numbers.repeat(1, columns)[:, None]
