"""How much two segmentations overlap: softly for training, by labels for judging."""

from collections.abc import Mapping

import torch
from torch import Tensor

PRESENT = 0.5
"""Voxels that a class needs in the target to count."""


def dice_loss(probabilities: Tensor, target: Tensor) -> Tensor:
    """1 - mean over the classes present of 2 sum p t / (sum p^2 + sum t^2).

    With squares below, as in V-Net (Milletari et al., 3DV 2016), it is 0, and flat, where
    p = t even for a soft target. Classes without half a voxel in a sample's target are left
    out of that sample's mean.

    Args:
        probabilities: (batch, classes, ...)
        target: weights of the classes, the same shape.

    Returns:
        Mean over the batch.
    """
    inside = tuple(range(2, probabilities.ndim))
    overlap = (probabilities * target).sum(inside)
    sizes = probabilities.square().sum(inside) + target.square().sum(inside)
    present = target.sum(inside) >= PRESENT  # (batch, classes), as are the others
    score = 2 * overlap / sizes.clamp_min(torch.finfo(sizes.dtype).tiny)
    return 1 - ((score * present).sum(1) / present.sum(1).clamp_min(1)).mean()


def label_dice(answer: Tensor, reference: Tensor, classes: int) -> dict[int, float]:
    """2 |A & B| / (|A| + |B|) of every structure that the reference shows; 0 is no structure.

    Args:
        answer: label map of any shape.
        reference: the same shape.
        classes: the background among them.
    """
    found = {}
    for label in range(1, classes):
        own, true = answer == label, reference == label
        if bool(true.any()):
            found[label] = 2 * int((own & true).sum()) / (int(own.sum()) + int(true.sum()))
    return found


def mean_of(values: Mapping[int, float], without: tuple[int, ...] = ()) -> float | None:
    """Mean over structures, some left out; None if none remains."""
    kept = [value for label, value in values.items() if label not in without]
    return sum(kept) / len(kept) if kept else None
