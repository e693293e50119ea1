"""How well a map finds what was planted: places with a structure against the same places without.

A place counts as found where at least half of its pixels lie above the threshold, the majority
by which `evaluation.highlights` decides about regions; its score is therefore the median of the
(lightly smoothed) map over it, and the area under the curve of these scores is that of this
very detector over all thresholds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.membership import auc
from napari_unlearn.evaluation.planted import Structure, Way


@dataclass(frozen=True)
class Place:
    """What a map says of one structure's place, with the structure and without."""

    structure: Structure
    way: Way
    score: float
    """Median of the map over the place."""
    clean: float
    """The same in the reconstruction nothing was planted in."""
    bhadra: float
    """95th percentile of the map with structures planted."""
    bhadra_clean: float
    """Of the map without."""


@dataclass(frozen=True, eq=False)
class ModeRecord:
    """Everything that one mode said of the test slices."""

    mode: str
    threshold: float
    """Calibrated on the oracle's maps of other scans."""
    places: tuple[Place, ...]
    planted_pixels: NDArray[np.float32]
    """Values of the smoothed map in the structures, plain ones."""
    clean_pixels: NDArray[np.float32]
    """Values of the smoothed map over the body of clean reconstructions."""
    false_alarms: float
    """Area highlighted in clean reconstructions, share of the image."""
    false_alarms_body: float
    """The same as a share of the body."""
    own_threshold: float | None = None
    """That of the mode's authors."""


@dataclass(frozen=True)
class Rates:
    """Sensitivity and specificity at one threshold."""

    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class ModeScore:
    """How good a mode is; NaN where nothing of the kind was planted."""

    mode: str
    auroc: float
    """Of places, all structures."""
    auroc_plain: float
    auroc_consistent: float
    auroc_invented: float
    auroc_lost: float
    auroc_pixels: float
    """Of pixels: those of plain structures against the body of clean reconstructions."""
    oracle: Rates
    """Of places, at the threshold calibrated on the oracle."""
    pixels: Rates
    """Of pixels, at the same threshold."""
    bhadra: Rates
    """Of places, at each map's own 95th percentile."""
    own: Rates | None
    """Of places, at the authors' threshold."""
    false_alarms: float
    false_alarms_body: float
    threshold: float


def score(record: ModeRecord) -> ModeScore:
    """Sum a mode up."""
    places, at = record.places, record.threshold
    return ModeScore(
        mode=record.mode,
        auroc=_auroc(places),
        auroc_plain=_auroc([p for p in places if p.way == "plain"]),
        auroc_consistent=_auroc([p for p in places if p.way == "consistent"]),
        auroc_invented=_auroc([p for p in places if p.structure.kind == "invented"]),
        auroc_lost=_auroc([p for p in places if p.structure.kind == "lost"]),
        auroc_pixels=_area(record.planted_pixels, record.clean_pixels),
        oracle=_rates(places, lambda p: at, lambda p: at),
        pixels=Rates(
            _share(record.planted_pixels > at),
            _share(record.clean_pixels <= at),
        ),
        bhadra=_rates(places, lambda p: p.bhadra, lambda p: p.bhadra_clean),
        own=None if record.own_threshold is None else _own(places, record.own_threshold),
        false_alarms=record.false_alarms,
        false_alarms_body=record.false_alarms_body,
        threshold=at,
    )


def sensitivities(record: ModeRecord) -> dict[tuple[float, float], float]:
    """Share of structures found at the oracle's threshold, by diameter [mm] and |contrast|."""
    groups: dict[tuple[float, float], list[bool]] = {}
    for place in record.places:
        key = (place.structure.diameter, abs(place.structure.contrast))
        groups.setdefault(key, []).append(place.score > record.threshold)
    return {key: float(np.mean(found)) for key, found in sorted(groups.items())}


def _own(places: Sequence[Place], threshold: float) -> Rates:
    return _rates(places, lambda p: threshold, lambda p: threshold)


def _rates(
    places: Sequence[Place],
    planted: Callable[[Place], float],
    clean: Callable[[Place], float],
) -> Rates:
    return Rates(
        _share(np.array([p.score > planted(p) for p in places])),
        _share(np.array([p.clean <= clean(p) for p in places])),
    )


def _auroc(places: Sequence[Place]) -> float:
    return _area(np.array([p.score for p in places]), np.array([p.clean for p in places]))


def _area(planted: NDArray[np.floating], clean: NDArray[np.floating]) -> float:
    """Probability that something planted scores above something clean, ties counted half."""
    if not planted.size or not clean.size:
        return float("nan")
    return auc(clean.astype(np.float64), planted.astype(np.float64))


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean()) if chosen.size else float("nan")
