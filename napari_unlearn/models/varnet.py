"""The end-to-end variational network, weight for weight that of fastMRI 0.3.0."""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from napari_unlearn.errors import shortened
from napari_unlearn.models.consistency import combine, correct
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.unet import NormUnet
from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.sampling import low_frequencies_of

# 4 poolings fit every size, as images are padded to multiples of 16; 6 fit some.
_LIMITS = {"cascades": 64, "sens_channels": 1024, "sens_pools": 6, "channels": 1024, "pools": 6}
_COILS_AT_ONCE = 2


class SensitivityModel(nn.Module):
    """Coil sensitivities from the fully sampled centre of k-space."""

    def __init__(self, channels: int, pools: int) -> None:
        super().__init__()
        self.norm_unet = NormUnet(channels, pools)

    def forward(self, kspace: Tensor, centre: Tensor, checkpointing: bool = False) -> Tensor:
        """Estimate maps with sum_c |S_c|^2 = 1.

        Args:
            kspace: (batch, coils, rows, columns), in `uncentre`'s order.
            centre: (batch, 1, 1, columns) bool, the low frequencies in the same order.
            checkpointing: Keep a few coils' activations at a time and compute them twice.
        """
        images = torch.fft.ifft2(kspace * centre, norm="ortho")
        coils = images.flatten(0, 1)
        # The network does not mix coils.
        parts = coils.split(_COILS_AT_ONCE) if checkpointing else (coils,)
        found = [_run(self.norm_unet, part, checkpointing=checkpointing) for part in parts]
        maps = (found[0] if len(found) == 1 else torch.cat(found)).view_as(images)
        magnitude = rss(maps, dim=1).unsqueeze(1)
        return maps / torch.where(magnitude == 0, torch.ones_like(magnitude), magnitude)


class VarNetBlock(nn.Module):
    """One cascade,  k - dc_weight M (k - g) - F S U(S* F* k),  with U a U-Net."""

    def __init__(self, channels: int, pools: int) -> None:
        super().__init__()
        self.model = NormUnet(channels, pools)
        self.dc_weight = nn.Parameter(torch.ones(1))

    def forward(
        self, kspace: Tensor, measured: Tensor, mask: Tensor, maps: Tensor, conjugate: Tensor
    ) -> Tensor:
        """Improve (batch, coils, rows, columns) once; mask (batch, 1, 1, columns)."""
        image = self.model(combine(kspace, maps, conjugate))
        return correct(kspace, measured, mask, self.dc_weight, image, maps, conjugate)


class VarNet(nn.Module):
    """E2E-VarNet (Sriram et al., MICCAI 2020).

    Defaults are the paper's. State-dict keys and shapes are those of fastMRI 0.3.0's
    `VarNet`. With `checkpointing` a training step keeps the activations of one cascade,
    or of a few coils' sensitivities, at a time and computes them twice.
    """

    def __init__(
        self,
        cascades: Annotated[int, Field(ge=1, le=_LIMITS["cascades"])] = 12,
        sens_channels: Annotated[int, Field(ge=1, le=_LIMITS["sens_channels"])] = 8,
        sens_pools: Annotated[int, Field(ge=1, le=_LIMITS["sens_pools"])] = 4,
        channels: Annotated[int, Field(ge=1, le=_LIMITS["channels"])] = 18,
        pools: Annotated[int, Field(ge=1, le=_LIMITS["pools"])] = 4,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        given = (cascades, sens_channels, sens_pools, channels, pools)
        for (name, most), size in zip(_LIMITS.items(), given, strict=True):
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
                raise ModelError(
                    f"VarNet's {name} is {shortened(repr(size))}; give a whole number between 1 "
                    f"and {most}."
                )
        self.sens_net = SensitivityModel(sens_channels, sens_pools)
        self.cascades = nn.ModuleList(VarNetBlock(channels, pools) for _ in range(cascades))
        self.checkpointing = checkpointing
        _lay_out(self)
        self.register_load_state_dict_post_hook(_lay_out)

    @property
    def stages(self) -> nn.ModuleList:
        """The cascades: the k-space after each is a reconstruction on its way."""
        return self.cascades

    def forward(self, kspace: Tensor, mask: Tensor, low_frequencies: int | None = None) -> Tensor:
        """Reconstruct magnitudes, root sum of squares over coils.

        Args:
            kspace: Centred undersampled k-space, (batch, coils, rows, columns), complex.
            mask: Acquired columns, (columns,) or (batch, columns), bool.
            low_frequencies: Fully sampled centre columns; None counts them in the mask.

        Returns:
            (batch, rows, columns), real.
        """
        return rss(torch.fft.ifft2(self._cascade(kspace, mask, low_frequencies), norm="ortho"))

    def kspace(self, kspace: Tensor, mask: Tensor, low_frequencies: int | None = None) -> Tensor:
        """Reconstruct all coils' centred k-space, complex (batch, coils, rows, columns).

        Arguments as in `forward`, which is the root sum of squares of its inverse transform.
        """
        return recentre(self._cascade(kspace, mask, low_frequencies))

    def _cascade(self, kspace: Tensor, mask: Tensor, low_frequencies: int | None) -> Tensor:
        lines = mask.to(torch.bool).expand(kspace.shape[0], kspace.shape[-1])
        centre = _centre_lines(lines, low_frequencies)
        measured = uncentre(kspace)
        rolled = torch.fft.ifftshift(lines, dim=-1)[:, None, None]
        low = torch.fft.ifftshift(centre, dim=-1)[:, None, None]
        maps = self.sens_net(measured, low, self.checkpointing)
        conjugate = maps.detach().conj().resolve_conj()  # once, not in every cascade
        current = measured
        for cascade in self.cascades:
            arguments = (current, measured, rolled, maps, conjugate)
            current = _run(cascade, *arguments, checkpointing=self.checkpointing)
        return current


def _lay_out(network: nn.Module, _: object = None) -> None:
    """Weights channels last as the images are, so that no convolution reorders them."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _run(part: Callable[..., Tensor], *arguments: Tensor, checkpointing: bool) -> Tensor:
    if checkpointing and torch.is_grad_enabled():
        return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)
    return part(*arguments)


def uncentre(kspace: Tensor) -> Tensor:
    """Reorder centred k-space so that a plain inverse FFT gives the centred image.

    The roll of k-space is done here once; the roll of the image becomes a linear phase
    on k-space (shift theorem; +1 and -1 for even sizes). Inside, no shift is left.
    """
    return torch.fft.ifftshift(kspace, dim=(-2, -1)) * _phase(kspace)


def recentre(kspace: Tensor) -> Tensor:
    """Undo `uncentre`."""
    return torch.fft.fftshift(kspace * _phase(kspace).conj(), dim=(-2, -1))


def _phase(kspace: Tensor) -> Tensor:
    ramps = []
    for size in kspace.shape[-2:]:
        # Integers modulo size, so that even sizes give +1 and -1 without rounding.
        turns = (torch.arange(size) * (size // 2)) % size
        angle = turns.to(torch.float64) * (-2 * torch.pi / size)
        ramp = torch.polar(torch.ones_like(angle), angle)
        ramps.append(ramp.real.round() + 0j if size % 2 == 0 else ramp)
    return torch.outer(*ramps).to(kspace)


def _centre_lines(lines: Tensor, low_frequencies: int | None) -> Tensor:
    columns = lines.shape[-1]
    count = (
        torch.full((len(lines),), low_frequencies, device=lines.device)
        if low_frequencies
        else low_frequencies_of(lines)
    )
    start = ((columns - count + 1) // 2)[:, None]
    index = torch.arange(columns, device=lines.device)
    return (index >= start) & (index < start + count[:, None])
