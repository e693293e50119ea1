"""Med3D: a 3D residual network that segments, key for key that of MedicalNet."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from napari_unlearn.errors import shortened
from napari_unlearn.models.conv3d import Conv3d
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.residual import Basic, Bottleneck

BLOCKS: dict[int, tuple[type[Basic] | type[Bottleneck], tuple[int, ...]]] = {
    10: (Basic, (1, 1, 1, 1)),
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
"""Kind and number of residual blocks in the four layers, by depth."""
STRIDES, DILATIONS = (1, 2, 1, 1), (1, 1, 2, 4)
DECODED = 32
"""Channels between decoder and classes."""
Context = AbstractContextManager[None]
_MOST = {"in_channels": 64, "classes": 256, "width": 512, "widest": 1024}
_CHOICES: dict[str, tuple[int | str, ...]] = {
    "depth": tuple(BLOCKS),
    "stem_stride": (1, 2, 4),
    "shortcut": ("A", "B"),
}


class Med3D(nn.Module):
    """Dilated 3D ResNet with a light decoder (Chen et al., Med3D, arXiv 1904.00625).

    The stem (7x7x7 convolution, then a pooling if its stride is 4) and layer 2 halve the grid;
    layers 3 and 4 keep it with dilations 2 and 4, so that the encoder's output stride is twice
    `stem_stride`: 8 in the paper; 4 is for small images, whose thin structures 8 would lose.
    The decoder doubles the grid once, and logits are interpolated to the image's grid.

    Args:
        depth: 10, 18, 34 or 50.
        in_channels: Contrasts of the image.
        classes: The background among them.
        width: Channels of layer 1; each later layer has twice as many (four times that many at
            its output for depth 50), 64 in the paper.
        widest: No layer has more, 512 in the paper.
        stem_stride: 4 in the paper.
        shortcut: "B" projects where the shape changes, "A" (MedicalNet's files of depth 18 and
            34) strides and pads with empty channels.
        checkpointing: A training step keeps what enters each residual block only and computes
            every block twice.
    """

    def __init__(
        self,
        depth: Literal[10, 18, 34, 50] = 50,
        in_channels: Annotated[int, Field(ge=1, le=_MOST["in_channels"])] = 1,
        classes: Annotated[int, Field(ge=2, le=_MOST["classes"])] = 10,
        width: Annotated[int, Field(ge=1, le=_MOST["width"])] = 64,
        widest: Annotated[int, Field(ge=1, le=_MOST["widest"])] = 512,
        stem_stride: Literal[1, 2, 4] = 4,
        shortcut: Literal["A", "B"] = "B",
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        _check(in_channels=in_channels, classes=classes, width=width, widest=widest)
        _choose(depth=depth, stem_stride=stem_stride, shortcut=shortcut)
        kind, counts = BLOCKS[depth]
        widths = [min(width * 2**place, widest) for place in range(4)]
        held = widths[0]
        self.conv1 = nn.Conv3d(in_channels, held, 7, min(stem_stride, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(held)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1) if stem_stride == 4 else nn.Identity()
        layers = []
        for own, count, stride, dilation in zip(widths, counts, STRIDES, DILATIONS, strict=True):
            blocks = []
            for place in range(count):
                blocks.append(kind(held, own, 1 if place else stride, dilation, shortcut))
                held = own * kind.expansion
            layers.append(Layer(*blocks, checkpointing=checkpointing))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.conv_seg = nn.Sequential(
            nn.ConvTranspose3d(held, DECODED, 2, 2),
            nn.BatchNorm3d(DECODED),
            nn.ReLU(inplace=True),
            Conv3d(DECODED, DECODED, 3, padding=1, bias=False),
            nn.BatchNorm3d(DECODED),
            nn.ReLU(inplace=True),
            nn.Conv3d(DECODED, classes, 1, bias=False),
        )
        for part in self.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out")

    @property
    def stages(self) -> list[nn.Module]:
        """What holds the image on its way, the answer last."""
        return [self.layer1, self.layer2, self.layer3, self.layer4, self.conv_seg]

    @property
    def decoder(self) -> nn.Module:
        """Everything after the encoder."""
        return self.conv_seg

    def forward(self, image: Tensor, decode: bool = True) -> Tensor:
        """Logits on the image's grid, or what the encoder makes of it.

        Args:
            image: (batch, in_channels, slices, rows, columns).
            decode: False stops after the encoder.

        Returns:
            (batch, classes, slices, rows, columns), or without decoding (batch, features, ...)
            on a grid coarser by the output stride.
        """
        features = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = layer(features)
        if not decode:
            return features
        size = image.shape[2:]
        return functional.interpolate(self.conv_seg(features), size=size, mode="trilinear")


class Layer(nn.Sequential):
    """Residual blocks in a row; with checkpointing only their inputs are kept for the gradient."""

    def __init__(self, *blocks: nn.Module, checkpointing: bool) -> None:
        super().__init__(*blocks)
        self.checkpointing = checkpointing

    def forward(self, image: Tensor) -> Tensor:
        """Every block in turn."""
        if not (self.checkpointing and torch.is_grad_enabled()):
            return super().forward(image)
        for block in self:
            contexts = partial(_first_and_second, block)
            image = cast(Tensor, checkpoint(block, image, use_reentrant=False, context_fn=contexts))
        return image


def _first_and_second(block: nn.Module) -> tuple[Context, Context]:
    return nullcontext(), _statistics_kept(block)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Computing a block a second time must not count its batch twice in the running statistics."""
    norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm3d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, counter) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, counter


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        least = 2 if name == "classes" else 1
        if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= _MOST[name]:
            raise ModelError(
                f"Med3D's {name} is {shortened(repr(size))}; give a whole number between {least} "
                f"and {_MOST[name]}."
            )


def _choose(**choices: int | str) -> None:
    for name, choice in choices.items():
        if isinstance(choice, bool) or choice not in _CHOICES[name]:
            accepted = ", ".join(map(str, _CHOICES[name]))
            raise ModelError(
                f"Med3D's {name} is {shortened(repr(choice))}; choose one of {accepted}."
            )
