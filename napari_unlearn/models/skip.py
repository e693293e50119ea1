"""A U-Net's skip connection whose two ends share one piece of memory."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from napari_unlearn.models.activation import backwards, forwards, is_fused, is_little


def can_share(image: Tensor) -> bool:
    """Whether images are computed by our own code, of even size, and worth it."""
    even = all(size % 2 == 0 for size in image.shape[2:])
    return even and is_fused(image) and not is_little(image)


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
        stack = torch.empty(
            (batch, 2 * channels, rows, columns),
            dtype=image.dtype,
            device=image.device,
            memory_format=torch.channels_last,
        )
        skip, pooled = _Pool.apply(image, stack)
        return cls(skip, stack), pooled

    def joined(self, image: Tensor) -> Tensor:
        """The stack of norm and leaky ReLU of an image and the skip's."""
        return _Join.apply(image, self.image, self.stack)


class _Pool(torch.autograd.Function):
    """Norm, leaky ReLU, a copy into the stack, average pooling."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, stack: Tensor) -> tuple[Tensor, Tensor]:
        output, inverse = forwards(image)
        # .data: the other half is written later, which must not count as a change of this one,
        # and what is kept must not be a view of what autograd is handed.
        kept = stack.data[:, image.shape[1] :].copy_(output)
        ctx.save_for_backward(kept, inverse)
        return stack.data[:, image.shape[1] :], functional.avg_pool2d(output, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, skip: Tensor, pooled: Tensor) -> tuple[Tensor, None]:
        output, inverse = ctx.saved_tensors
        gradient = torch.empty_like(output, memory_format=torch.channels_last)
        batch, channels, rows, columns = gradient.shape
        fine = gradient.view(batch, channels, rows // 2, 2, columns // 2, 2)
        quarter = pooled[:, :, :, None, :, None]
        torch.add(skip.view_as(fine), quarter, alpha=0.25, out=fine)
        return backwards(gradient, output, inverse), None


class _Join(torch.autograd.Function):
    """Norm and leaky ReLU of the image into the first half of the stack."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, skip: Tensor, stack: Tensor) -> Tensor:
        output, inverse = forwards(image)
        kept = stack.data[:, : image.shape[1]].copy_(output)
        ctx.save_for_backward(kept, inverse)
        return stack.data

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        output, inverse = ctx.saved_tensors
        channels = output.shape[1]
        own, skip = gradient[:, :channels], gradient[:, channels:]
        return backwards(own, output, inverse), skip, None
