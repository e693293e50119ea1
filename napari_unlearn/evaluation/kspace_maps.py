"""The maps that need the coils' k-space: null space and measured space, with coils and without."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unlearn.mri.arrays import centre_crop
from napari_unlearn.mri.null_space import (
    Spectrum,
    coil_measurement,
    coil_null,
    misfit,
    spectrum,
)

if TYPE_CHECKING:
    from napari_unlearn.evaluation.acquisition import Acquisition
    from napari_unlearn.evaluation.hallucination import SliceEvidence


@dataclass(frozen=True, eq=False)
class Split:
    """A slice split by how well it was measured: every lambda is one sum away."""

    spectrum: Spectrum
    take: Literal["null", "solved"]
    shape: tuple[int, ...]
    """(image_rows, image_columns)"""
    maximum: float

    def at(self, lam: float) -> NDArray[np.float32]:
        """The map for one lambda, a fraction of the maximum.

        Raises:
            PhysicsError: Lambda is not a number above 0.
        """
        found = self.spectrum.null(lam) if self.take == "null" else self.spectrum.solved(lam)
        return _cropped(found.abs(), self.shape, self.maximum)

    def null_share(self, lam: float) -> float:
        """Share of the energy of what was split that lambda leaves in the null space."""
        return self.spectrum.null_share(lam)

    @property
    def nbytes(self) -> int:
        """Memory that it holds [bytes]; nearly all of it are the spectrum's parts."""
        return self.spectrum.parts.nbytes


def null_space(evidence: "SliceEvidence") -> Split:
    """What the prior put where the scanner measured nothing,  (I - P_lam)(x_hat - x)."""
    acquisition = _acquisition(evidence)
    departure = acquisition.combine(_tensor(evidence.kspace) - _tensor(evidence.truth))
    split = spectrum(acquisition.encoding, departure)
    return Split(split, "null", evidence.image.shape, evidence.maximum)


def measurement(evidence: "SliceEvidence") -> Split:
    """Contradiction of the measured lines,  (B + lam I)^-1 E* (E x_hat - g); no reference."""
    acquisition = _acquisition(evidence)
    image = acquisition.combine(_tensor(evidence.kspace))
    against = misfit(acquisition.encoding, image, acquisition.measured)
    split = spectrum(acquisition.encoding, against)
    return Split(split, "solved", evidence.image.shape, evidence.maximum)


def coil_null_space(evidence: "SliceEvidence") -> NDArray[np.float32]:
    """`mri.null_space.coil_null`, cropped, a fraction of the maximum."""
    mask = _acquisition(evidence).mask
    found = coil_null(_tensor(evidence.kspace), _tensor(evidence.truth), mask)
    return _cropped(found, evidence.image.shape, evidence.maximum)


def coil_measured(evidence: "SliceEvidence") -> NDArray[np.float32]:
    """`mri.null_space.coil_measurement`, cropped, a fraction of the maximum."""
    acquisition = _acquisition(evidence)
    found = coil_measurement(_tensor(evidence.kspace), acquisition.measured, acquisition.mask)
    return _cropped(found, evidence.image.shape, evidence.maximum)


# `hallucination.prepare` has made sure that nothing needed is None.
def _acquisition(evidence: "SliceEvidence") -> "Acquisition":
    return cast("Acquisition", evidence.acquisition)


def _tensor(kspace: NDArray[np.complex64] | None) -> Tensor:
    return torch.from_numpy(cast("NDArray[np.complex64]", kspace))


def _cropped(values: Tensor, shape: tuple[int, ...], maximum: float) -> NDArray[np.float32]:
    whole = (values / maximum).to(torch.float32).numpy()
    return np.ascontiguousarray(centre_crop(whole, shape[0], shape[1]))
