"""Differentiable losses of reconstruction."""

import torch
from torch import Tensor

WINDOW = 7


def ssim(image: Tensor, target: Tensor, maximum: Tensor) -> Tensor:
    """Structural similarity as fastMRI trains on it: 7x7 uniform window, k1 0.01, k2 0.03.

    The window's means are two products with a band of ones, one per direction: 6 times as quick
    as convolutions, which are slow for a single channel.

    Args:
        image: (batch, rows, columns)
        target: (batch, rows, columns)
        maximum: data range, (batch,)

    Returns:
        Mean over the batch and all whole windows.
    """
    pixels = WINDOW**2
    stack = torch.stack([image, target, image * image, target * target, image * target])
    down, across = (_windows(size, stack) for size in stack.shape[-2:])
    mean_x, mean_y, xx, yy, xy = (down.mT @ stack @ across).unbind()
    unbiased = pixels / (pixels - 1)
    var_x = unbiased * (xx - mean_x * mean_x)
    var_y = unbiased * (yy - mean_y * mean_y)
    covariance = unbiased * (xy - mean_x * mean_y)
    c1 = (0.01 * maximum.view(-1, 1, 1)) ** 2
    c2 = (0.03 * maximum.view(-1, 1, 1)) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)
    return (top / bottom).mean()


def _windows(size: int, like: Tensor) -> Tensor:
    """Means over WINDOW neighbours as a matrix, (size, whole windows)."""
    starts = torch.arange(size - WINDOW + 1, device=like.device)
    offset = torch.arange(size, device=like.device)[:, None] - starts
    return ((offset >= 0) & (offset < WINDOW)).to(like.dtype) / WINDOW


def relative_misfit(kspace: Tensor, measured: Tensor, lines: Tensor) -> Tensor:
    """How far a k-space strays from what the scanner measured, ||M (k - g)|| / ||g||.

    Args:
        kspace: (batch, coils, rows, columns) complex
        measured: the same, zero outside the mask
        lines: acquired columns, (batch, columns)
    """
    difference = (kspace - measured) * lines[:, None, None, :]
    scale = torch.linalg.vector_norm(measured, dim=(1, 2, 3)).clamp_min(1e-20)
    return (torch.linalg.vector_norm(difference, dim=(1, 2, 3)) / scale).mean()
