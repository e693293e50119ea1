"""Residual blocks of a 3D ResNet, with dilation and both kinds of shortcut."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dilated(nn.Conv3d):
    """A 3x3x3 convolution that keeps the grid, or halves it.

    In two bytes on a CPU a dilated one is computed on the d^3 grids of every d-th voxel, none of
    which it mixes: oneDNN (torch 2.13, with AMX) does not return from 512 channels with
    dilation 4. The result is the same.
    """

    def forward(self, image: Tensor) -> Tensor:
        """(batch, inputs, ...) to (batch, outputs, ...)."""
        step = self.dilation[0]
        if step == 1 or self.stride[0] > 1 or not _half_on_cpu(image):
            return super().forward(image)
        size = image.shape[2:]
        missing = [-length % step for length in size]
        image = functional.pad(image, (0, missing[2], 0, missing[1], 0, missing[0]))
        coarse = [length // step for length in image.shape[2:]]
        depth, rows, columns = coarse
        split = image.view(*image.shape[:2], depth, step, rows, step, columns, step)
        grids = split.permute(0, 3, 5, 7, 1, 2, 4, 6).flatten(0, 3)
        answer = functional.conv3d(grids, self.weight, self.bias, padding=1)
        answer = answer.view(-1, step, step, step, self.out_channels, *coarse)
        answer = answer.permute(0, 4, 5, 1, 6, 2, 7, 3).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return answer[..., : size[0], : size[1], : size[2]].contiguous()


def _half_on_cpu(image: Tensor) -> bool:
    mixed = torch.is_autocast_enabled("cpu")
    return image.device.type == "cpu" and (mixed or image.dtype in (torch.bfloat16, torch.float16))


class Basic(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut, y = relu(F(x) + s(x)).

    The dilation is that of both convolutions; each keeps the grid but for the stride.
    """

    expansion: ClassVar[int] = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = Dilated(inputs, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = Dilated(width, width, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut_of(inputs, width, stride, shortcut)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, inputs, ...) to (batch, width, ...)."""
        inner = self.relu(self.bn1(self.conv1(image)))
        return self.relu(self.bn2(self.conv2(inner)) + self.downsample(image))


class Bottleneck(nn.Module):
    """A 3x3x3 convolution between two of 1x1x1, beside a shortcut; four times `width` leave it."""

    expansion: ClassVar[int] = 4

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, shortcut: str) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv3d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = Dilated(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut_of(inputs, outputs, stride, shortcut)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, inputs, ...) to (batch, 4 width, ...)."""
        inner = self.relu(self.bn1(self.conv1(image)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        return self.relu(self.bn3(self.conv3(inner)) + self.downsample(image))


def shortcut_of(inputs: int, outputs: int, stride: int, kind: str) -> Callable[[Tensor], Tensor]:
    """The way past a block: as it is where the shape stays, else of kind "A" or "B"."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if kind == "A":
        return Padded(outputs - inputs, stride)
    return nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))


class Padded(nn.Module):
    """Every `stride`-th voxel, and empty channels behind; it has no weights."""

    def __init__(self, more: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, image: Tensor) -> Tensor:
        """(batch, channels, ...) to (batch, channels + more, ...)."""
        step = self.stride
        return functional.pad(image[..., ::step, ::step, ::step], (0,) * 7 + (self.more,))
