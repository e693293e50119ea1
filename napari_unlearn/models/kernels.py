"""Loops over channels-last images, compiled by numba on their first call.

Images are (batch, rows, columns * stride): `stride` numbers per pixel, of which the `channels`
from `at` on are meant, so that half of a stack of channels needs no copy. Loops run over `lanes`
numbers, as many whole pixels of a row as fill vector registers. Each call does its `part` of
`parts` of the rows, or of the pairs of rows where they are pooled, of every image.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit, uintp
from numpy.typing import NDArray

Array = NDArray[Any]
F = TypeVar("F", bound=Callable[..., None])
_BLOCK = 4096  # numbers that stay in the fastest cache
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # Sums in any order; but NaN and infinity are what they are.
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}


def _compiled(loop: F) -> F:
    """Compile on the first call, and keep the result on disk if there is a place for it."""
    try:
        return njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:  # no folder can be written to
        return njit(**_OPTIONS)(loop)


@_compiled
def _take(image: Array, stride: int, at: int, channels: int, row: Array) -> None:
    """Copy the channels that are meant from one row of an image."""
    if stride == channels:
        row[:] = image
        return
    for pixel in range(row.size // channels):
        here, there = uintp(pixel * stride + at), uintp(pixel * channels)
        for channel in range(uintp(channels)):
            row[there + channel] = image[here + channel]


@_compiled
def _put(row: Array, stride: int, at: int, channels: int, image: Array) -> None:
    """Undo `_take`, where stride is not channels."""
    for pixel in range(row.size // channels):
        here, there = uintp(pixel * channels), uintp(pixel * stride + at)
        for channel in range(uintp(channels)):
            image[there + channel] = row[here + channel]


@_compiled
def measure(
    part: int, parts: int, image: Array, channels: int, lanes: int, moments: Array
) -> None:
    """Mean and sum of squared distances from it, of every channel.

    Blocks are summed around their own mean and joined in double precision (Chan et al., 1979),
    so that neither many pixels nor a large mean cost accuracy.

    Args:
        part: which rows.
        parts: of how many.
        image: stride = channels.
        channels: of a pixel.
        lanes: a multiple of channels that divides the rows.
        moments: (batch, parts, 2, channels) float64, filled.
    """
    batch, rows, length = image.shape
    pixels, groups = lanes // channels, length // lanes
    sums, squares = np.empty(lanes, image.dtype), np.empty(lanes, image.dtype)
    first, last = rows * part // parts, rows * (part + 1) // parts
    step = max(1, _BLOCK // length)
    for index in range(batch):
        mean, spread = moments[index, part, 0], moments[index, part, 1]
        mean[:] = 0
        spread[:] = 0
        for begin in range(first, last, step):
            end = min(last, begin + step)
            count = (end - begin) * groups * pixels
            sums[:] = 0
            squares[:] = 0
            for row in range(begin, end):
                line = image[index, row]
                for group in range(groups):
                    at = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        sums[lane] += line[at + lane]
            for channel in range(channels):
                total = sums[channel]
                for pixel in range(1, pixels):
                    total += sums[pixel * channels + channel]
                for pixel in range(pixels):
                    sums[pixel * channels + channel] = total / count
            for row in range(begin, end):
                line = image[index, row]
                for group in range(groups):
                    at = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        distance = line[at + lane] - sums[lane]
                        squares[lane] += distance * distance
            before = (begin - first) * groups * pixels
            share = count / (before + count)
            for channel in range(channels):
                total = squares[channel]
                for pixel in range(1, pixels):
                    total += squares[pixel * channels + channel]
                distance = sums[channel] - mean[channel]
                mean[channel] += distance * share
                spread[channel] += total + distance * distance * share * before


@_compiled
def standardise(
    part: int,
    parts: int,
    image: Array,
    channels: int,
    lanes: int,
    moments: Array,
    epsilon: float,
    slope: float,
    inverse: Array,
    output: Array,
    stride: int,
    at: int,
    pooled: Array,
) -> None:
    """leaky((x - mean) / sqrt(var + epsilon)), and the mean of every 2x2 pixels of it.

    Args:
        part: which rows.
        parts: of how many.
        image: as in `measure`, as are the next two.
        channels: of a pixel.
        lanes: a multiple of channels that divides the rows.
        moments: what `measure` found, of all parts.
        epsilon: added to the variance.
        slope: of leaky ReLU, below 1.
        inverse: (batch, channels), filled with 1 / sqrt(var + epsilon).
        output: filled; its rows have `stride` numbers per pixel.
        stride: of the output.
        at: first channel in the output.
        pooled: half the size, filled; or without elements.
    """
    batch, rows, length = image.shape
    kind = image.dtype.type
    scale, offset = np.empty(lanes, image.dtype), np.empty(lanes, image.dtype)
    buffer = np.empty((2, length), image.dtype)
    unit = 2 if pooled.size else 1
    units, slope, quarter = rows // unit, kind(slope), kind(0.25)
    for index in range(batch):
        for channel in range(channels):
            mean, spread, before = 0.0, 0.0, 0
            for each in range(parts):
                count = rows * (each + 1) // parts - rows * each // parts
                if count:
                    distance = moments[index, each, 0, channel] - mean
                    share = count / (before + count)
                    mean += distance * share
                    weight = share * before * (length // channels)
                    spread += moments[index, each, 1, channel] + distance * distance * weight
                    before += count
            found = 1 / np.sqrt(spread / (rows * (length // channels)) + epsilon)
            if part == 0:
                inverse[index, channel] = found
            for lane in range(channel, lanes, channels):
                scale[lane] = found
                offset[lane] = -mean * found
        for row in range(units * part // parts * unit, units * (part + 1) // parts * unit):
            source = image[index, row]
            target = output[index, row] if stride == channels else buffer[row % 2]
            for group in range(length // lanes):
                here = uintp(group * lanes)
                for lane in range(uintp(lanes)):
                    value = source[here + lane] * scale[lane] + offset[lane]
                    target[here + lane] = value if value > 0 else value * slope
            if stride != channels:
                _put(target, stride, at, channels, output[index, row])
            if unit == 2 and row % 2 == 1:
                mean_of = pooled[index, row // 2]
                upper = buffer[0] if stride != channels else output[index, row - 1]
                for pixel in range(length // channels // 2):
                    here = uintp(pixel * channels)
                    left, right = uintp(2 * pixel * channels), uintp((2 * pixel + 1) * channels)
                    for channel in range(uintp(channels)):
                        mean_of[here + channel] = quarter * (
                            (upper[left + channel] + upper[right + channel])
                            + (target[left + channel] + target[right + channel])
                        )


@_compiled
def gather(
    part: int,
    parts: int,
    gradient: Array,
    gradient_stride: int,
    gradient_at: int,
    pooled: Array,
    output: Array,
    stride: int,
    at: int,
    channels: int,
    lanes: int,
    slope: float,
    result: Array,
    sums: Array,
) -> None:
    """The gradient before leaky ReLU, d, and the sums of d and of d z; z is what ReLU was given.

    Args:
        part: which rows.
        parts: of how many.
        gradient: at the output.
        gradient_stride: of it.
        gradient_at: first channel in it.
        pooled: gradient at the means of 2x2 pixels; or without elements.
        output: of `standardise`, as are the next two.
        stride: of the output.
        at: first channel in the output.
        channels: of a pixel.
        lanes: a multiple of channels that divides the rows.
        slope: of leaky ReLU.
        result: stride = channels, filled with d.
        sums: (batch, parts, 2, channels) float64, filled.
    """
    batch, rows, length = result.shape
    kind = result.dtype.type
    buffers = np.empty((2, length), result.dtype)
    first_sums, second_sums = np.empty(lanes, result.dtype), np.empty(lanes, result.dtype)
    slope, steep, quarter = kind(slope), kind(1 / slope), kind(0.25)
    first, last = rows * part // parts, rows * (part + 1) // parts
    step = max(1, _BLOCK // length)
    for index in range(batch):
        sums[index, part] = 0
        for begin in range(first, last, step):
            first_sums[:] = 0
            second_sums[:] = 0
            for row in range(begin, min(last, begin + step)):
                line, arriving = result[index, row], gradient[index, row]
                if gradient_stride != channels or pooled.size:
                    arriving = buffers[0]  # not `line`: loops over memory that may be shared are slow
                    _take(gradient[index, row], gradient_stride, gradient_at, channels, arriving)
                if pooled.size:
                    mean_of = pooled[index, row // 2]
                    for pixel in range(length // channels):
                        here, there = uintp(pixel * channels), uintp(pixel // 2 * channels)
                        for channel in range(uintp(channels)):
                            arriving[here + channel] += quarter * mean_of[there + channel]
                values = output[index, row]
                if stride != channels:
                    values = buffers[1]
                    _take(output[index, row], stride, at, channels, values)
                for group in range(length // lanes):
                    here = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        z, d = values[here + lane], arriving[here + lane]
                        d = d if z > 0 else d * slope
                        z = z if z > 0 else z * steep
                        line[here + lane] = d
                        first_sums[lane] += d
                        second_sums[lane] += d * z
            for channel in range(channels):
                for lane in range(channel, lanes, channels):
                    sums[index, part, 0, channel] += first_sums[lane]
                    sums[index, part, 1, channel] += second_sums[lane]


@_compiled
def project(
    part: int,
    parts: int,
    output: Array,
    stride: int,
    at: int,
    channels: int,
    lanes: int,
    slope: float,
    sums: Array,
    inverse: Array,
    result: Array,
) -> None:
    """(d - mean(d) - z mean(d z)) / std in d's place.

    Args:
        part: which rows.
        parts: of how many.
        output: as in `gather`, as are the next five.
        stride: of the output.
        at: first channel in the output.
        channels: of a pixel.
        lanes: a multiple of channels that divides the rows.
        slope: of leaky ReLU.
        sums: what `gather` found, of all parts.
        inverse: what `standardise` found.
        result: d, changed.
    """
    batch, rows, length = result.shape
    kind = result.dtype.type
    buffer = np.empty(length, result.dtype)
    scale, slant = np.empty(lanes, result.dtype), np.empty(lanes, result.dtype)
    offset = np.empty(lanes, result.dtype)
    steep, count = kind(1 / slope), rows * (length // channels)
    for index in range(batch):
        for channel in range(channels):
            first, second = 0.0, 0.0
            for each in range(parts):
                first += sums[index, each, 0, channel]
                second += sums[index, each, 1, channel]
            found = inverse[index, channel]
            for lane in range(channel, lanes, channels):
                scale[lane] = found
                slant[lane] = -second / count * found
                offset[lane] = -first / count * found
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            line, values = result[index, row], output[index, row]
            if stride != channels:
                _take(values, stride, at, channels, buffer)
                values = buffer
            for group in range(length // lanes):
                here = uintp(group * lanes)
                for lane in range(uintp(lanes)):
                    z = values[here + lane]
                    z = z if z > 0 else z * steep
                    d = line[here + lane]
                    line[here + lane] = d * scale[lane] + z * slant[lane] + offset[lane]
