"""Ways to map, pixel by pixel, where a reconstruction is not to be trusted.

Each mode turns what is known of one slice (`SliceEvidence`) into a map in the image's grid.
`prepare` does the slow part once, so that a slider can ask for any lambda afterwards; the
thresholds that turn maps into regions are `evaluation.thresholds`' business.

Importing this file is cheap: torch comes in with the first map of k-space.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation import sfrc
from napari_unlearn.evaluation.error import EvaluationError

if TYPE_CHECKING:
    from napari_unlearn.evaluation.acquisition import Acquisition

Map = NDArray[np.float32]
Need = Literal["reference", "other", "kspace", "truth", "acquisition"]


@dataclass(frozen=True, eq=False)
class SliceEvidence:
    """What is known of one slice of one reconstruction; a mode takes what it needs of it."""

    image: Map
    """Magnitude, (image_rows, image_columns)."""
    maximum: float
    """Of the reference volume; maps are fractions of it."""
    reference: Map | None = None
    """What the image should be, same shape."""
    other: Map | None = None
    """The same slice by another model, same shape."""
    kspace: NDArray[np.complex64] | None = None
    """The model's own, before coils are joined, (coils, rows, columns)."""
    truth: NDArray[np.complex64] | None = None
    """Fully sampled k-space, or the oracle's in its place, same shape."""
    acquisition: "Acquisition | None" = None
    """Measured lines, coils and lambda: the same object for all models."""


class Prepared(Protocol):
    """A map of which everything but lambda is settled."""

    def at(self, lam: float) -> Map:
        """The map, (image_rows, image_columns), a fraction of the maximum (see `Mode.unit`)."""

    def null_share(self, lam: float) -> float | None:
        """Share of its energy in the null space; None for maps that lambda does not enter."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds [bytes]."""


@dataclass(frozen=True)
class Settled:
    """A map that does not depend on lambda."""

    values: Map

    def at(self, lam: float) -> Map:
        """The map, whatever lambda."""
        return self.values

    def null_share(self, lam: float) -> None:
        """None: there is no such share."""
        return

    @property
    def nbytes(self) -> int:
        """Memory that it holds [bytes]."""
        return self.values.nbytes


@dataclass(frozen=True)
class Mode:
    """One way to look."""

    name: str
    title: str
    formula: str
    unit: str
    needs: frozenset[Need]
    prepare: Callable[[SliceEvidence], Prepared]
    label: str
    """Where there is little room: short title, and its unit in brackets."""
    uses_lambda: bool = False
    """Whether lambda changes the map."""
    own_threshold: float | None = None
    """That of its authors; None: there is none, calibrate on the oracle."""

    @property
    def uses_kspace(self) -> bool:
        """Whether models must give the coils' k-space."""
        return "kspace" in self.needs

    @property
    def uses_other(self) -> bool:
        """Whether it sets two models against each other."""
        return "other" in self.needs

    @property
    def uses_reference(self) -> bool:
        """Whether something must stand for the truth."""
        return bool(self.needs & {"reference", "truth"})


def prepare(mode: str, evidence: SliceEvidence) -> Prepared:
    """Do what lambda does not change; the result redraws a slice within milliseconds.

    Raises:
        WrongUse: There is no such mode.
        EvaluationError: The evidence lacks what the mode needs; the sentence says what.
    """
    chosen = find_mode(mode)
    for need, sentence in _LACKING.items():
        if need in chosen.needs and getattr(evidence, need) is None:
            raise EvaluationError(f"The {chosen.title} {sentence}.")
    return chosen.prepare(evidence)


def hallucination_map(
    mode: str, slices: Sequence[SliceEvidence], lam: float | None = None
) -> NDArray[np.float32]:
    """Map every slice, (slices, image_rows, image_columns), in `Mode.unit`.

    Args:
        mode: Name of one of `MODES`.
        slices: One entry per slice.
        lam: For the maps that it enters; None takes each acquisition's own.

    Raises:
        UnlearnError: As `prepare`.
    """
    return np.stack([prepare(mode, each).at(lambda_of(each, lam)) for each in slices])


def lambda_of(evidence: SliceEvidence, lam: float | None) -> float:
    """`lam`, or the acquisition's own; 0 where none enters."""
    if lam is not None:
        return lam
    return 0.0 if evidence.acquisition is None else evidence.acquisition.lam


def find_mode(name: str) -> Mode:
    """Look a mode up.

    Raises:
        WrongUse: There is no such mode.
    """
    if name not in MODES:
        raise WrongUse(f"There is no map '{name}'; choose one of {', '.join(MODES)}.")
    return MODES[name]


# What a mode's functions below take as given, `prepare` has looked for.
_LACKING: dict[Need, str] = {
    "reference": "needs a reference image: a ground truth, or an oracle in its place",
    "other": "needs a second model to disagree with",
    "kspace": "needs the coils' k-space of the model, as VarNet gives it",
    "truth": "needs fully sampled k-space, or an oracle's in its place",
    "acquisition": "needs the measured lines",
}


def _error(evidence: SliceEvidence) -> Prepared:
    return _difference(evidence, cast(Map, evidence.reference))


def _disagreement(evidence: SliceEvidence) -> Prepared:
    return _difference(evidence, cast(Map, evidence.other))


def _difference(evidence: SliceEvidence, other: Map) -> Prepared:
    difference = np.abs(evidence.image - other) / evidence.maximum
    return Settled(difference.astype(np.float32))


def _sfrc(evidence: SliceEvidence) -> Prepared:
    reference = cast(Map, evidence.reference)
    return Settled(sfrc.unfaithfulness(evidence.image, reference, evidence.maximum))


def _null_space(evidence: SliceEvidence) -> Prepared:
    from napari_unlearn.evaluation import kspace_maps

    return kspace_maps.null_space(evidence)


def _measurement(evidence: SliceEvidence) -> Prepared:
    from napari_unlearn.evaluation import kspace_maps

    return kspace_maps.measurement(evidence)


def _coil_null(evidence: SliceEvidence) -> Prepared:
    from napari_unlearn.evaluation import kspace_maps

    return Settled(kspace_maps.coil_null_space(evidence))


def _coil_measurement(evidence: SliceEvidence) -> Prepared:
    from napari_unlearn.evaluation import kspace_maps

    return Settled(kspace_maps.coil_measured(evidence))


_FRACTION = "fraction of the reference's maximum"

MODES = {
    mode.name: mode
    for mode in (
        Mode(
            "error",
            "error map",
            "|x̂ - x| / max x",
            _FRACTION,
            frozenset({"reference"}),
            _error,
            "error",
        ),
        Mode(
            "null-space",
            "null-space map",
            "|(I - P_λ)(x̂ - x)| / max x,  P_λ = (B + λI)⁻¹B,  B = E*E",
            _FRACTION,
            frozenset({"kspace", "truth", "acquisition"}),
            _null_space,
            "null-space map [max]",
            uses_lambda=True,
        ),
        Mode(
            "measurement",
            "measurement map",
            "|(B + λI)⁻¹E*(E x̂ - g)| / max x",
            _FRACTION,
            frozenset({"kspace", "acquisition"}),
            _measurement,
            "measurement map [max]",
            uses_lambda=True,
        ),
        Mode(
            "coil-null-space",
            "null-space map by coils",
            "RSS_c F⁻¹[(1 - M)(k̂_c - k_c)] / max x",
            _FRACTION,
            frozenset({"kspace", "truth", "acquisition"}),
            _coil_null,
            "null space by coils [max]",
        ),
        Mode(
            "coil-measurement",
            "measurement map by coils",
            "RSS_c F⁻¹[M(k̂_c - g_c)] / max x",
            _FRACTION,
            frozenset({"kspace", "acquisition"}),
            _coil_measurement,
            "measurement by coils [max]",
        ),
        Mode(
            "sfrc",
            "scanning Fourier ring correlation",
            "1 - first r with FRC_48x48(r) < 0.75",
            "1 - cut-off, fraction of Nyquist",
            frozenset({"reference"}),
            _sfrc,
            "sFRC [1 − f/Nyquist]",
            own_threshold=1 - sfrc.CUT_OFF,
        ),
        Mode(
            "disagreement",
            "disagreement of two models",
            "|x̂ - x̂_other| / max x",
            _FRACTION,
            frozenset({"other"}),
            _disagreement,
            "disagreement [max]",
        ),
    )
}

DEFAULT_MODE = "error"
"""The one that wins the self-test: docs/hallucinations.md."""
