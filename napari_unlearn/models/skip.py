"""A U-Net's skip connection whose two ends share one piece of memory."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from napari_unlearn.models.activation import backwards, forwards, is_fused


def can_share(image: Tensor) -> bool:
    """Whether images are computed by our own code and of even size."""
    return is_fused(image) and all(size % 2 == 0 for size in image.shape[2:])


@dataclass(frozen=True, eq=False)
class Skip:
    """What the way down leaves for the way up.

    Backward needs the output of the norm on either side and their stack, the next convolution's
    input: once in memory instead of twice.
    """

    image: Tensor
    """(batch, channels, rows, columns), the second half of `stack`."""
    stack: Tensor
    """(batch, 2 * channels, rows, columns); the first half is empty until `joined`."""

    @classmethod
    def pooled(cls, image: Tensor) -> tuple["Skip", Tensor]:
        """Norm, leaky ReLU, and the mean of every 2x2 pixels.

        Args:
            image: (batch, channels, rows, columns), rows and columns even.

        Returns:
            What to keep, and (batch, channels, rows / 2, columns / 2).
        """
        batch, channels, rows, columns = image.shape
        stack = _empty(image, (batch, 2 * channels, rows, columns))
        skip, pooled = _NormaliseAndPool.apply(image, stack)
        return cls(skip, stack), pooled

    def joined(self, image: Tensor) -> Tensor:
        """The stack of norm and leaky ReLU of an image and the skip's."""
        return _NormaliseAndJoin.apply(image, self.image, self.stack)


def _empty(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Channels last."""
    layout = torch.channels_last
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


class _NormaliseAndPool(torch.autograd.Function):
    """Norm and leaky ReLU into the second half of the stack, average pooling."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, stack: Tensor) -> tuple[Tensor, Tensor]:
        batch, channels, rows, columns = image.shape
        pooled = _empty(image, (batch, channels, rows // 2, columns // 2))
        # .data: the other half is written later, which must not count as a change of this one,
        # and what is kept must not be a view of what autograd is handed.
        kept = stack.data[:, channels:]
        ctx.save_for_backward(kept, forwards(image, kept, pooled))
        return stack.data[:, channels:], pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, skip: Tensor, pooled: Tensor) -> tuple[Tensor, None]:
        output, inverse = ctx.saved_tensors
        return backwards(skip, output, inverse, pooled), None


class _NormaliseAndJoin(torch.autograd.Function):
    """Norm and leaky ReLU of the image into the first half of the stack."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, skip: Tensor, stack: Tensor) -> Tensor:
        kept = stack.data[:, : image.shape[1]]
        ctx.save_for_backward(kept, forwards(image, kept))
        return stack.data

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        output, inverse = ctx.saved_tensors
        channels = output.shape[1]
        own, skip = gradient[:, :channels], gradient[:, channels:]
        return backwards(own, output, inverse), skip, None
