"""Residual blocks of a 3D ResNet, with dilation and both kinds of shortcut."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from napari_unlearn.models.conv3d import Conv3d


class Basic(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut, y = relu(F(x) + s(x)).

    The dilation is that of both convolutions; each keeps the grid but for the stride.
    """

    expansion: ClassVar[int] = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = Conv3d(inputs, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = Conv3d(width, width, 3, 1, dilation, dilation, bias=False)
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
        self.conv2 = Conv3d(width, width, 3, stride, dilation, dilation, bias=False)
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
