"""Scanning Fourier ring correlation: up to which detail does a patch follow the reference?

Fourier ring correlation of two patches a and b, ring by ring of spatial frequency r,

    FRC(r) = Re sum_(k in r) A_k conj(B_k) / sqrt(sum |A_k|^2 sum |B_k|^2)

falls from 1 as finer detail disagrees. Where it first falls below a threshold lies the
patch's cut-off; patches with a low one are suspect (Kc et al., Fake detection in AI-assisted
image recovery using scanning Fourier ring correlation, 2024; MRI: 48x48, 0.75, cut-off 0.17).
"""

from functools import cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

PATCH = 48
"""Side [pixels]."""
CORRELATION = 0.75
CUT_OFF = 0.17
"""h_t: patches that follow the reference less far are suspect, fraction of Nyquist."""
STEP = 4
"""Between two patches [pixels]."""
_EMPTY = 0.02  # mean of a patch, share of the maximum, under which it shows air


def unfaithfulness(
    image: NDArray[np.floating], reference: NDArray[np.floating], maximum: float
) -> NDArray[np.float32]:
    """Map 1 - cut-off of the Hann-windowed patch around each pixel, (rows, columns).

    0 where all detail up to Nyquist follows the reference, 1 where none does; patches of air
    count as faithful. Above 1 - `CUT_OFF` a patch is suspect by the authors' rule. Patches
    reach over the border into the mirror image.

    Args:
        image: Reconstruction, (rows, columns).
        reference: Same shape.
        maximum: Of the reference volume.
    """
    known = np.nan_to_num(image, posinf=0.0, neginf=0.0)
    ours, theirs = _patches(known), _patches(reference)
    cut_offs = np.stack([_cut_off(*row) for row in zip(ours, theirs, strict=True)])
    air = theirs.mean(axis=(-2, -1)) < _EMPTY * maximum
    coarse = np.where(air, 0.0, 1 - cut_offs)
    return _to_pixels(coarse, reference.shape)


def _patches(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Patches centred on every `STEP`th pixel, (down, across, PATCH, PATCH)."""
    half = PATCH // 2
    wide = np.pad(image.astype(np.float32), (half, half), mode="symmetric")
    return sliding_window_view(wide, (PATCH, PATCH))[::STEP, ::STEP]


def _cut_off(ours: NDArray, theirs: NDArray) -> NDArray[np.float64]:
    """Of a row of patches, (across, PATCH, PATCH); fraction of Nyquist, (across,)."""
    hann = np.hanning(PATCH).astype(np.float32)
    window = hann[:, None] * hann
    a, b = scipy.fft.fft2(ours * window), scipy.fft.fft2(theirs * window)
    together = _per_ring((a * b.conj()).real)
    alone = np.sqrt(_per_ring(np.abs(a) ** 2) * _per_ring(np.abs(b) ** 2))
    correlation = np.where(alone > 0, together / np.where(alone > 0, alone, 1), 1.0)
    below = correlation < CORRELATION
    below = np.concatenate([below, np.ones_like(below[:, :1])], axis=1)  # at the latest at Nyquist
    return _first_crossing(correlation, below) / (PATCH // 2)


def _first_crossing(correlation: NDArray, below: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Ring where the correlation first falls below, between two rings by straight line."""
    first = below.argmax(axis=1)
    crossing = (first > 0) & (first < correlation.shape[1])
    row, ring = np.nonzero(crossing)[0], first[crossing]
    before, here = correlation[row, ring - 1], correlation[row, ring]
    found = first.astype(np.float64)
    found[crossing] = ring - 1 + (before - CORRELATION) / (before - here)
    return found


def _per_ring(values: NDArray) -> NDArray[np.float64]:
    """Sum over rings of integer radius below Nyquist, (across, PATCH // 2)."""
    return values.reshape(len(values), -1).astype(np.float64) @ _rings()


@cache
def _rings() -> NDArray[np.float64]:
    """1 where a sample belongs to a ring, (PATCH * PATCH, PATCH // 2)."""
    frequency = np.fft.fftfreq(PATCH, 1 / PATCH)
    radius = np.rint(np.hypot(frequency[:, None], frequency)).ravel()
    return (radius[:, None] == np.arange(PATCH // 2)).astype(np.float64)


def _to_pixels(coarse: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Give every pixel the value of the nearest patch centre."""
    near = [
        np.minimum(np.rint(np.arange(length) / STEP).astype(int), count - 1)
        for length, count in zip(shape, coarse.shape, strict=True)
    ]
    return coarse[np.ix_(*near)].astype(np.float32)
