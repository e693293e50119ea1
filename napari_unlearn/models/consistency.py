"""The k-space side of a cascade, with derivatives that keep little and reuse what they have.

All k-space here is in `uncentre`'s order, so that the plain FFT is the one that is meant.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def combine(kspace: Tensor, maps: Tensor, conjugate: Tensor) -> Tensor:
    """One image of all coils,  x = sum_c conj(S_c) F* k_c.

    Args:
        kspace: (batch, coils, rows, columns), complex.
        maps: S, of the same shape.
        conjugate: conj(S), made once for all cascades; `maps` get the gradient.

    Returns:
        (batch, rows, columns), complex.
    """
    return _Combine.apply(kspace, maps, conjugate)


def correct(
    kspace: Tensor,
    measured: Tensor,
    lines: Tensor,
    weight: Tensor,
    image: Tensor,
    maps: Tensor,
    conjugate: Tensor,
) -> Tensor:
    """One gradient step,  k - weight M (k - g) - F S x.

    Args:
        kspace: k, (batch, coils, rows, columns), complex.
        measured: g, of the same shape; needs no gradient.
        lines: M, (batch, 1, 1, columns), bool.
        weight: (1,), real.
        image: x, (batch, rows, columns), complex.
        maps: S, of k's shape.
        conjugate: As in `combine`.
    """
    return _Correct.apply(kspace, measured, lines, weight, image, maps, conjugate)


class _Combine(torch.autograd.Function):
    """Keeps k-space, which the step that follows keeps anyway, and transforms it anew."""

    @staticmethod
    def forward(ctx: Any, kspace: Tensor, maps: Tensor, conjugate: Tensor) -> Tensor:
        ctx.save_for_backward(kspace, maps)
        images = _to_images(kspace)
        return torch.mul(images, conjugate, out=images).sum(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        kspace, maps = ctx.saved_tensors
        gradient = gradient.unsqueeze(1)
        to_kspace = to_maps = None
        if ctx.needs_input_grad[0]:
            to_kspace = _to_kspace(gradient * maps)
        if ctx.needs_input_grad[1]:
            images = _to_images(kspace)
            to_maps = torch.mul(images, gradient.conj(), out=images)
        return to_kspace, to_maps, None


class _Correct(torch.autograd.Function):
    """Rows of real and imaginary parts, as mask and weight are real."""

    @staticmethod
    def forward(ctx: Any, *arguments: Tensor) -> Tensor:
        kspace, measured, lines, weight, image, maps, _ = arguments
        ctx.save_for_backward(*arguments)
        result = _to_kspace(image.unsqueeze(1) * maps)
        rows = _rows(result)
        torch.sub(_rows(kspace), rows, out=rows)
        misfit = _rows(kspace) - _rows(measured)
        rows.addcmul_(misfit, _doubled(lines, misfit) * weight, value=-1)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kspace, measured, lines, weight, image, _, conjugate = ctx.saved_tensors
        gradient = gradient.contiguous()
        needed = ctx.needs_input_grad
        rows = _rows(gradient)
        acquired = _doubled(lines, rows)
        to_kspace = to_weight = to_image = to_maps = None
        if needed[3]:
            misfit = _rows(kspace) - _rows(measured)
            products = misfit.mul_(rows).sum((1, 2), keepdim=True)
            to_weight = -(products * acquired).sum().view(1)
        if needed[4] or needed[5]:
            images = _to_images(gradient).neg_()
            if needed[4]:
                to_image = (images * conjugate).sum(1)
            if needed[5]:
                to_maps = torch.mul(images, image.conj().unsqueeze(1), out=images)
        if needed[0]:
            scaled = rows * (1 - acquired * weight)
            to_kspace = torch.view_as_complex(scaled.view(*gradient.shape, 2))
        return to_kspace, None, None, to_weight, to_image, to_maps, None


def _to_images(kspace: Tensor) -> Tensor:
    return torch.fft.ifft2(kspace, norm="ortho")


def _to_kspace(images: Tensor) -> Tensor:
    return torch.fft.fft2(images, norm="ortho")


def _rows(stack: Tensor) -> Tensor:
    """See complex (batch, coils, rows, columns) as real (batch, coils, rows, 2 * columns)."""
    return torch.view_as_real(stack.contiguous()).flatten(-2)


def _doubled(lines: Tensor, like: Tensor) -> Tensor:
    return lines.to(like.dtype).repeat_interleave(2, -1)
