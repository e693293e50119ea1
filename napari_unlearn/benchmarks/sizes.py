"""Networks and scans that are measured."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_unlearn.errors import WrongUse
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.fourier import fft2c, ifft2c
from napari_unlearn.mri.sampling import Sampling


@dataclass(frozen=True)
class Size:
    """A VarNet and the scan it reconstructs."""

    name: str
    cascades: int
    sens_channels: int
    sens_pools: int
    channels: int
    pools: int
    coils: int
    rows: int
    columns: int

    @property
    def parameters(self) -> dict[str, int]:
        """Of our `VarNet`, and in this order of fastMRI's."""
        names = ("cascades", "sens_channels", "sens_pools", "channels", "pools")
        return {name: getattr(self, name) for name in names}

    @property
    def text(self) -> str:
        """In one line."""
        return (
            f"{self.cascades} cascades, {self.channels} channels, {self.pools} pools; "
            f"{self.coils}x{self.rows}x{self.columns}"
        )


SIZES = {
    size.name: size
    for size in (
        Size("toy", 2, 2, 2, 4, 2, 3, 32, 40),
        Size("small", 4, 8, 3, 8, 3, 4, 96, 96),
        Size("paper", 12, 8, 4, 18, 4, 8, 320, 320),
        Size("full", 12, 8, 4, 18, 4, 15, 640, 368),
    )
}
"""small: the sample data's and the study's; paper: E2E-VarNet's on a cropped slice; full: on a
whole one of fastMRI's brains; toy: for tests."""


def find_size(name: str) -> Size:
    """The size of that name.

    Raises:
        WrongUse: There is none.
    """
    if name not in SIZES:
        raise WrongUse(f"There is no size '{name}'; accepted: {', '.join(SIZES)}.")
    return SIZES[name]


@dataclass(frozen=True)
class Slice:
    """One undersampled slice, made up of smooth random coils and a smooth random object."""

    kspace: Tensor
    """(1, coils, rows, columns) complex64, zero outside the mask."""
    lines: Tensor
    """(columns,) bool."""
    low_frequencies: int
    target: Tensor
    """(1, rows, columns), root sum of squares of the whole k-space."""


def make_slice(size: Size) -> Slice:
    """The same slice in every process."""
    random = torch.Generator().manual_seed(4)

    def smooth(channels: int, detail: int) -> Tensor:
        coarse = torch.randn(1, channels, detail, detail, generator=random)
        return functional.interpolate(coarse, (size.rows, size.columns), mode="bicubic")

    coils = torch.complex(smooth(size.coils, 6), smooth(size.coils, 6))
    whole = fft2c(coils * (2 + smooth(1, 6) + smooth(1, 24)))
    # Even, as MONAI takes the middle of an odd number from elsewhere.
    mask = Sampling("equispaced", 4, 0.08).mask(size.columns, 3)
    return Slice(whole * mask.lines, mask.lines, mask.low_frequencies, rss(ifft2c(whole)))
