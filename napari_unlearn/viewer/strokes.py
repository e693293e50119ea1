"""Strokes that tell outlines apart without colour: plain, doubled, toothed.

A stroke is one polyline, so that an outline stays one shape whatever it looks like.
"""

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
"""Closed, the last point is the first: (points, 2), rows and columns."""


def doubled(outer: Curve, inner: Curve) -> Curve:
    """Go round the outer curve, then round the inner one; they begin at the same corner."""
    return np.concatenate([outer, inner, outer[:1]])


def toothed(curve: Curve, pitch: float, height: float) -> Curve:
    """Replace a curve by a zigzag whose tips lie on it and whose notches lie inside.

    Args:
        curve: Closed.
        pitch: From a tip to the next notch, about.
        height: From the curve to the notches.
    """
    even = resampled(curve, pitch, multiple=2)
    ring = even[:-1].copy()
    ring[1::2] += height * _inward(even)[1::2]
    return np.concatenate([ring, ring[:1]])


def shrunk(curve: Curve, distance: float) -> Curve:
    """Move a smooth curve inwards."""
    ring = curve[:-1] + distance * _inward(curve)
    return np.concatenate([ring, ring[:1]])


def resampled(curve: Curve, step: float, multiple: int = 1) -> Curve:
    """Points at even distances along a curve, from its first point on.

    Args:
        curve: Whatever its own points are.
        step: From a point to the next, about.
        multiple: Their number is a multiple of this.
    """
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    count = multiple * max(1, round(lengths[-1] / step / multiple))
    along = np.linspace(0.0, lengths[-1], count + 1)
    return np.column_stack([np.interp(along, lengths, values) for values in curve.T])


def _inward(curve: Curve) -> Curve:
    """Unit normals that point inside, one per point of the ring: (points - 1, 2)."""
    ring = curve[:-1]
    ahead = np.roll(ring, -1, axis=0)
    along = ahead - np.roll(ring, 1, axis=0)
    twice_area = np.sum(ring[:, 0] * ahead[:, 1] - ahead[:, 0] * ring[:, 1])
    normals = np.sign(twice_area) * np.column_stack([-along[:, 1], along[:, 0]])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
