"""Every model measured inside a region that somebody drew by hand, on one slice."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.metrics import structural_similarity

from napari_unlearn.evaluation.comparison import ArmResult, Comparison, ImageQuality
from napari_unlearn.evaluation.error import EvaluationError

_WINDOW = 7  # pixels of the SSIM window, as in `image_quality`
_ELLIPSE_POINTS = 64


@dataclass(frozen=True)
class DrawnRegion:
    """A closed outline on one slice; hashable, so that what was measured can be kept."""

    slice: int
    outline: tuple[tuple[float, float], ...]
    """(row, column) of its corners [pixels]; pixel centres lie at whole numbers."""
    number: int = 0
    """What it is called in the window, from 1."""

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Pixels of its slice that it holds, `shape` is (rows, columns)."""
        return region_mask(self.outline, shape)


@dataclass(frozen=True)
class RegionQuality:
    """What one model made of a region; figures that need a reference are None without one."""

    model: str
    pixels: int
    area: float
    """[mm^2]"""
    mean: float
    """Mean magnitude inside, as a fraction of the volume maximum."""
    mean_error: float | None
    """Mean of |x - y| / maximum."""
    bias: float | None
    """Mean of (x - y) / maximum; > 0 is too bright."""
    quality: ImageQuality | None
    """Inside only; SSIM is NaN where no pixel is far enough from the border of the image."""


def region_mask(
    outline: tuple[tuple[float, float], ...] | NDArray[np.floating], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels of a slice whose centre lies within a closed outline.

    Args:
        outline: (row, column) of the corners [pixels], (corners, 2), any shape; where it
            crosses itself the even-odd rule decides. What lies beyond the image is cut off.
        shape: (rows, columns) of the slice.

    Raises:
        EvaluationError: Fewer than three corners, or corners that are not finite.
    """
    corners = np.asarray(outline, dtype=float)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or len(corners) < 3:
        raise EvaluationError(
            f"An outline of shape {corners.shape} encloses nothing; a region needs at least three "
            "corners, each (row, column)."
        )
    if not np.isfinite(corners).all():
        raise EvaluationError("An outline has corners that are not finite numbers.")
    return np.asarray(polygon2mask(shape, corners), dtype=bool)


def ellipse_outline(box: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points on the ellipse in a rectangle that may be turned.

    p(t) = c + u cos t + v sin t, with the half sides u, v of the rectangle around c.

    Args:
        box: (row, column) of its corners in order, (4, 2).
    """
    corners = np.asarray(box, dtype=float)
    centre = corners.mean(axis=0)
    u, v = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)[:, None]
    return np.asarray(centre + u * np.cos(turn) + v * np.sin(turn))


def measure_region(comparison: Comparison, region: DrawnRegion) -> tuple[RegionQuality, ...]:
    """Measure every model inside a region, in the order of the arms.

    With n pixels inside, x a reconstruction, y the reference:
    PSNR = 10 log10(maximum^2 n / sum (x - y)^2) [dB], NMSE = sum (x - y)^2 / sum y^2,
    SSIM = mean over the inside of the slice's SSIM map (7x7 windows, which reach up to three
    pixels out of the region). A region that holds the whole slice gives the slice's figures.

    Args:
        comparison: Finished.
        region: On a slice of it; may hold no pixel, then there is nothing to measure.

    Raises:
        EvaluationError: No such slice, or no outline.
    """
    slices, *shape = comparison.arms[0].images.shape
    if not 0 <= region.slice < slices:
        raise EvaluationError(
            f"Region {region.number} lies on slice {region.slice}; the scan has slices 0 to "
            f"{slices - 1}."
        )
    inside = region.mask((shape[0], shape[1]))
    if not inside.any():
        return ()
    _, row, column = comparison.header.voxel_size
    area = float(inside.sum() * row * column)
    return tuple(_measure(comparison, arm, region.slice, inside, area) for arm in comparison.arms)


def _measure(
    comparison: Comparison, arm: ArmResult, index: int, inside: NDArray[np.bool_], area: float
) -> RegionQuality:
    drawn = arm.images[index]
    x = drawn[inside].astype(np.float64)
    mean = float(x.mean() / comparison.maximum)
    truth = comparison.reference
    if truth is None or arm.images is truth:
        return RegionQuality(arm.name, x.size, area, mean, None, None, None)
    departure = x - truth[index][inside]
    square = float(np.square(departure).sum())
    energy = float(np.square(truth[index][inside], dtype=np.float64).sum())
    maximum = comparison.maximum
    return RegionQuality(
        model=arm.name,
        pixels=x.size,
        area=area,
        mean=mean,
        mean_error=float(np.abs(departure).mean() / maximum),
        bias=float(departure.mean() / maximum),
        quality=ImageQuality(
            psnr=_psnr(square, x.size, maximum),
            ssim=_ssim(truth[index], drawn, inside, maximum),
            nmse=square / energy if energy > 0 else math.inf,
        ),
    )


def _psnr(square: float, pixels: int, maximum: float) -> float:
    if square == 0:
        return math.inf
    return 10 * math.log10(maximum**2 * pixels / square) if math.isfinite(square) else math.nan


def _ssim(
    truth: NDArray[np.float32],
    drawn: NDArray[np.float32],
    inside: NDArray[np.bool_],
    maximum: float,
) -> float:
    """Mean SSIM of the pixels inside whose window lies within the image."""
    edge = _WINDOW // 2
    whole = np.zeros_like(inside)
    whole[edge:-edge, edge:-edge] = inside[edge:-edge, edge:-edge]
    if not whole.any():
        return math.nan
    _, similarity = structural_similarity(
        truth, drawn, win_size=_WINDOW, data_range=maximum, full=True
    )
    return float(similarity[whole].mean(dtype=np.float64))
