"""Loops over channels-last images, compiled by numba on their first call.

An image is given by the address of its first number and by `stride`, the numbers from one pixel
to the next: its `channels`, or more where it is some channels of a stack, which so needs no copy.
Nobody checks addresses: `rows.place` gives them. Loops run over `lanes` numbers, as many whole
pixels of a row as fill vector registers. Each call does its `part` of `parts` of the rows (of the
pairs of rows where they are pooled) of every image; `shape` is (batch, rows, columns, channels).
`slope` is that of leaky ReLU, below 1, and of the type of all numbers.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import carray, njit, types, uintp
from numba.extending import intrinsic
from numpy.typing import NDArray

from napari_unlearn.models.rows import EPSILON

Array = NDArray[Any]
Shape = tuple[int, int, int, int]
F = TypeVar("F", bound=Callable[..., Any])
_BLOCK = 4096  # numbers that stay in the fastest cache
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},  # sums are in their order as they are; NaN stays NaN
}


def _compiled(loop: F) -> F:
    """Compile on the first call, and keep the result on disk if there is a place for it."""
    try:
        return njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:  # no folder can be written to
        return njit(**_OPTIONS)(loop)


def _as_pointer(context: Any, address: Any, like: Any) -> Any:
    """An address as that of numbers of the type of `like`."""
    kind = types.CPointer(like)

    def made(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], target.get_value_type(kind))

    return kind(address, like), made


_pointer: Any = intrinsic(_as_pointer)


@_compiled
def _image(address: int, shape: Shape, stride: int, like: Any) -> Array:
    """See what lies at an address as (batch, rows, columns * stride)."""
    batch, rows, columns, _ = shape
    return carray(_pointer(address, like), (batch, rows, columns * stride))


@_compiled
def _pairs(address: int, shape: Shape, parts: int) -> Array:
    """See what lies at an address as (batch, parts, 2, channels), float64."""
    return carray(_pointer(address, 1.0), (shape[0], parts, 2, shape[3]))


@_compiled
def _take(image: Array, stride: int, channels: int, row: Array) -> None:
    """Copy the channels that are meant from one row of an image."""
    for pixel in range(row.size // channels):
        here, there = uintp(pixel * stride), uintp(pixel * channels)
        for channel in range(uintp(channels)):
            row[there + channel] = image[here + channel]


@_compiled
def _put(row: Array, stride: int, channels: int, image: Array) -> None:
    """Undo `_take`."""
    for pixel in range(row.size // channels):
        here, there = uintp(pixel * channels), uintp(pixel * stride)
        for channel in range(uintp(channels)):
            image[there + channel] = row[here + channel]


@_compiled
def _pool(upper: Array, lower: Array, channels: int, means: Array) -> None:
    """The mean of every 2x2 pixels of two rows."""
    quarter = means.dtype.type(0.25)
    for pixel in range(means.size // channels):
        here = uintp(pixel * channels)
        left, right = uintp(2 * pixel * channels), uintp((2 * pixel + 1) * channels)
        for channel in range(uintp(channels)):
            above = upper[left + channel] + upper[right + channel]
            below = lower[left + channel] + lower[right + channel]
            means[here + channel] = quarter * (above + below)


@_compiled
def _add_spread(means: Array, channels: int, row: Array) -> None:
    """Add a quarter of each mean's gradient to that of a row of its pixels."""
    quarter = row.dtype.type(0.25)
    for pixel in range(row.size // channels):
        here, there = uintp(pixel * channels), uintp(pixel // 2 * channels)
        for channel in range(uintp(channels)):
            row[here + channel] += quarter * means[there + channel]


@_compiled
def measure(
    part: int, parts: int, shape: Shape, lanes: int, slope: Any, image: int, found: int
) -> None:
    """Mean and sum of squared distances from it, of every channel.

    Blocks are summed around their own mean and joined in double precision (Chan et al., 1979),
    so that neither many pixels nor a large mean cost accuracy.

    Args:
        part: which rows.
        parts: of how many.
        shape: of the image.
        lanes: a multiple of the channels that divides a row.
        slope: says the type.
        image: address; stride = channels.
        found: address of (batch, parts, 2, channels) float64, filled.
    """
    batch, rows, columns, channels = shape
    values, moments = _image(image, shape, channels, slope), _pairs(found, shape, parts)
    length = columns * channels
    pixels, groups = lanes // channels, length // lanes
    sums, squares = np.empty(lanes, values.dtype), np.empty(lanes, values.dtype)
    first, last = rows * part // parts, rows * (part + 1) // parts
    step = max(1, _BLOCK // length)
    for index in range(batch):
        mean, spread = moments[index, part, 0], moments[index, part, 1]
        mean[:] = 0
        spread[:] = 0
        for begin in range(first, last, step):
            end = min(last, begin + step)
            count, before = (end - begin) * columns, (begin - first) * columns
            sums[:] = 0
            squares[:] = 0
            for row in range(begin, end):
                line = values[index, row]
                for group in range(groups):
                    here = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        sums[lane] += line[here + lane]
            for channel in range(channels):
                total = sums[channel]
                for pixel in range(1, pixels):
                    total += sums[pixel * channels + channel]
                for pixel in range(pixels):
                    sums[pixel * channels + channel] = total / count
            for row in range(begin, end):
                line = values[index, row]
                for group in range(groups):
                    here = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        distance = line[here + lane] - sums[lane]
                        squares[lane] += distance * distance
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
    shape: Shape,
    lanes: int,
    slope: Any,
    image: int,
    found: int,
    inverse: int,
    output: int,
    stride: int,
    pooled: int,
) -> None:
    """leaky((x - mean) / sqrt(var + 1e-5)), and the mean of every 2x2 pixels of it.

    Args:
        part: as in `measure`, as are the next four.
        parts: of how many.
        shape: of the image.
        lanes: of a group.
        slope: of leaky ReLU.
        image: as in `measure`.
        found: address of what `measure` filled, of all parts.
        inverse: address of (batch, channels), filled with 1 / sqrt(var + 1e-5).
        output: address, filled.
        stride: of the output.
        pooled: address of half as many rows and columns, filled; or 0.
    """
    batch, rows, columns, channels = shape
    values, results = _image(image, shape, channels, slope), _image(output, shape, stride, slope)
    half = (batch, rows // 2, columns // 2, channels)
    means, moments = _image(pooled, half, channels, slope), _pairs(found, shape, parts)
    inverses = carray(_pointer(inverse, slope), (batch, channels))
    length = columns * channels
    scale = np.empty(lanes, values.dtype)
    middle, rest = np.empty(lanes, values.dtype), np.empty(lanes, values.dtype)
    buffer = np.empty((2, length), values.dtype)
    unit = 2 if pooled else 1
    units = rows // unit
    for index in range(batch):
        for channel in range(channels):
            mean, spread, before = 0.0, 0.0, 0
            for each in range(parts):
                count = (rows * (each + 1) // parts - rows * each // parts) * columns
                if count:
                    distance = moments[index, each, 0, channel] - mean
                    share = count / (before + count)
                    mean += distance * share
                    spread += moments[index, each, 1, channel]
                    spread += distance * distance * share * before
                    before += count
            over = 1 / np.sqrt(spread / (rows * columns) + EPSILON)
            if part == 0:
                inverses[index, channel] = over
            for lane in range(channel, lanes, channels):
                scale[lane] = over
                # The mean in two numbers: rounding it would move the kink of leaky ReLU.
                middle[lane] = mean
                rest[lane] = mean - middle[lane]
        for row in range(units * part // parts * unit, units * (part + 1) // parts * unit):
            source = values[index, row]
            target = results[index, row] if stride == channels else buffer[row % 2]
            for group in range(length // lanes):
                here = uintp(group * lanes)
                for lane in range(uintp(lanes)):
                    value = ((source[here + lane] - middle[lane]) - rest[lane]) * scale[lane]
                    target[here + lane] = value if value > 0 else value * slope
            if stride != channels:
                _put(target, stride, channels, results[index, row])
            if pooled and row % 2 == 1:
                upper = results[index, row - 1] if stride == channels else buffer[0]
                _pool(upper, target, channels, means[index, row // 2])


@_compiled
def gather(
    part: int,
    parts: int,
    shape: Shape,
    lanes: int,
    slope: Any,
    output: int,
    stride: int,
    gradient: int,
    gradient_stride: int,
    pooled: int,
    result: int,
    found: int,
) -> None:
    """The gradient before leaky ReLU, d, and the sums of d and of d z; z is what ReLU was given.

    Args:
        part: as in `measure`, as are the next four.
        parts: of how many.
        shape: of the image.
        lanes: of a group.
        slope: of leaky ReLU.
        output: address of what `standardise` filled.
        stride: of the output.
        gradient: address of that at the output.
        gradient_stride: of it.
        pooled: address of that at the means of 2x2 pixels; or 0.
        result: address, filled with d; stride = channels.
        found: address of (batch, parts, 2, channels) float64, filled.
    """
    batch, rows, columns, channels = shape
    values, results = _image(output, shape, stride, slope), _image(result, shape, channels, slope)
    arriving = _image(gradient, shape, gradient_stride, slope)
    half = (batch, rows // 2, columns // 2, channels)
    means, sums = _image(pooled, half, channels, slope), _pairs(found, shape, parts)
    length, steep = columns * channels, values.dtype.type(1 / slope)
    buffers = np.empty((2, length), values.dtype)
    plain, slanted = np.empty(lanes, values.dtype), np.empty(lanes, values.dtype)
    first, last = rows * part // parts, rows * (part + 1) // parts
    step = max(1, _BLOCK // length)
    for index in range(batch):
        sums[index, part] = 0
        for begin in range(first, last, step):
            plain[:] = 0
            slanted[:] = 0
            for row in range(begin, min(last, begin + step)):
                source = arriving[index, row]
                if gradient_stride != channels or pooled:
                    source = buffers[0]
                    _take(arriving[index, row], gradient_stride, channels, source)
                if pooled:
                    _add_spread(means[index, row // 2], channels, source)
                known = values[index, row]
                if stride != channels:
                    known = buffers[1]
                    _take(values[index, row], stride, channels, known)
                target = results[index, row]
                for group in range(length // lanes):
                    here = uintp(group * lanes)
                    for lane in range(uintp(lanes)):
                        z, d = known[here + lane], source[here + lane]
                        d = d if z > 0 else d * slope
                        z = z if z > 0 else z * steep
                        target[here + lane] = d
                        plain[lane] += d
                        slanted[lane] += d * z
            for channel in range(channels):
                for lane in range(channel, lanes, channels):
                    sums[index, part, 0, channel] += plain[lane]
                    sums[index, part, 1, channel] += slanted[lane]


@_compiled
def project(
    part: int,
    parts: int,
    shape: Shape,
    lanes: int,
    slope: Any,
    output: int,
    stride: int,
    found: int,
    inverse: int,
    result: int,
) -> None:
    """(d - mean(d) - z mean(d z)) / std in d's place.

    Args:
        part: as in `gather`, as are the next six.
        parts: of how many.
        shape: of the image.
        lanes: of a group.
        slope: of leaky ReLU.
        output: address of what `standardise` filled.
        stride: of the output.
        found: address of what `gather` filled, of all parts.
        inverse: address of what `standardise` filled.
        result: address of d, changed.
    """
    batch, rows, columns, channels = shape
    values, results = _image(output, shape, stride, slope), _image(result, shape, channels, slope)
    inverses, sums = (
        carray(_pointer(inverse, slope), (batch, channels)),
        _pairs(found, shape, parts),
    )
    length, count = columns * channels, rows * columns
    steep = values.dtype.type(1 / slope)
    buffer = np.empty(length, values.dtype)
    scale, slant = np.empty(lanes, values.dtype), np.empty(lanes, values.dtype)
    offset = np.empty(lanes, values.dtype)
    for index in range(batch):
        for channel in range(channels):
            plain, slanted = 0.0, 0.0
            for each in range(parts):
                plain += sums[index, each, 0, channel]
                slanted += sums[index, each, 1, channel]
            over = inverses[index, channel]
            for lane in range(channel, lanes, channels):
                scale[lane] = over
                slant[lane] = -slanted / count * over
                offset[lane] = -plain / count * over
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            target, known = results[index, row], values[index, row]
            if stride != channels:
                known = buffer
                _take(values[index, row], stride, channels, known)
            for group in range(length // lanes):
                here = uintp(group * lanes)
                for lane in range(uintp(lanes)):
                    z, d = known[here + lane], target[here + lane]
                    z = z if z > 0 else z * steep
                    target[here + lane] = d * scale[lane] + z * slant[lane] + offset[lane]
