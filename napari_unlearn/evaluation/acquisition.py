"""One slice as the scanner saw it: the same lines, coils and lambda for every model compared."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from napari_unlearn.mri.coils import estimate_sensitivities
from napari_unlearn.mri.fourier import ifft2c
from napari_unlearn.mri.noise import natural_lambda
from napari_unlearn.mri.sampling import Mask
from napari_unlearn.mri.scan import Scan
from napari_unlearn.mri.sense import Sense

_CALIBRATION = 24  # centre columns, as many as ESPIRiT takes


@dataclass(frozen=True, eq=False)
class Acquisition:
    """Measured k-space of one slice, and what follows from it alone."""

    measured: Tensor
    """g, zero where not acquired, (coils, rows, columns) complex."""
    mask: Mask
    truth: Tensor | None
    """Fully sampled k-space, same shape; None if the scanner did not acquire it."""
    lam: float
    """(noise / signal)^2 of the measured lines, or chosen by hand."""

    @classmethod
    def of(cls, scan: Scan, index: int, mask: Mask, lam: float | None = None) -> "Acquisition":
        """Read one slice; `lam` None derives it from the data."""
        full = torch.from_numpy(np.ascontiguousarray(scan.kspace(index)))
        measured = full * mask.lines
        own = natural_lambda(measured, mask) if lam is None else lam
        return cls(measured, mask, None if scan.acquired is not None else full, own)

    @cached_property
    def encoding(self) -> Sense:
        """Coils and mask; coils from fully sampled lines if there are such, else from the centre.

        ESPIRiT's maps without its crop, of unit norm in every pixel: what a model draws outside
        the body is not to escape.
        """
        source = self.measured if self.truth is None else self.truth
        lines = self.mask.low_frequencies if self.truth is None else _CALIBRATION
        lines = min(max(lines, 1), source.shape[-1])
        return Sense(estimate_sensitivities(source, lines, crop=-1.0), self.mask)

    def combine(self, kspace: Tensor) -> Tensor:
        """Join coils to one complex image,  sum_c conj(S_c) F^-1 k_c,  (rows, columns)."""
        return (self.encoding.sensitivities.conj() * ifft2c(kspace)).sum(-3)
