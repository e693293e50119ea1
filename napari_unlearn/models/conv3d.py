"""A 3D convolution that takes the way on which the CPU is fast."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

_SMALL = 20480
"""Channels * slices * rows up to which PyTorch computes a single volume without oneDNN."""


class Conv3d(nn.Conv3d):
    """`torch.nn.Conv3d` with zeros around, equal strides and dilations, and the same result.

    On a CPU it hands PyTorch (2.13) what that computes well:

    - A single small volume in float32 as two halves, a batch of two: of one, PyTorch makes a
      matrix of all neighbourhoods instead of asking oneDNN. Forward and backward together took
      27 ms instead of 155 ms (32 channels, 20x28x28 voxels, 3x3x3, one thread).
    - A dilated one in two bytes on the d^3 grids of every d-th voxel, none of which it mixes:
      oneDNN, with AMX, does not return from 512 channels with dilation 4.
    """

    def forward(self, image: Tensor) -> Tensor:
        """(batch, inputs, slices, rows, columns) to (batch, outputs, ...)."""
        if image.device.type == "cpu" and max(self.kernel_size) > 1:
            if _in_two_bytes(image):
                if self.dilation[0] > 1 and self.stride[0] == 1:
                    return self._on_grids(image)
            elif image.dtype == torch.float32 and _is_one_small(image):
                return self._in_halves(image)
        return super().forward(image)

    def _in_halves(self, image: Tensor) -> Tensor:
        (stride, *_), (dilation, *_), (size, *_) = self.stride, self.dilation, self.kernel_size
        around, rows, columns = (int(length) for length in self.padding)
        padded = functional.pad(image, (0, 0, 0, 0, around, around))
        reach = dilation * (size - 1) + 1
        slices = (padded.shape[2] - reach) // stride + 1
        half = (slices + 1) // 2
        read = stride * (half - 1) + reach
        starts = (0, stride * (slices - half))  # of an odd number both have the middle one
        both = torch.cat([padded[:, :, start : start + read] for start in starts])
        first, second = functional.conv3d(
            both, self.weight, self.bias, self.stride, (0, rows, columns), self.dilation
        )
        return torch.cat([first, second[:, 2 * half - slices :]], dim=1)[None]

    def _on_grids(self, image: Tensor) -> Tensor:
        step, size = self.dilation[0], image.shape[2:]
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


def _in_two_bytes(image: Tensor) -> bool:
    mixed = torch.is_autocast_enabled("cpu")
    return mixed or image.dtype in (torch.bfloat16, torch.float16)


def _is_one_small(image: Tensor) -> bool:
    return len(image) == 1 and prod(image.shape[1:4]) <= _SMALL
