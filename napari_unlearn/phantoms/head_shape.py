"""What makes one head different from another: numbers and random fields, drawn once."""

from dataclasses import dataclass

import numpy as np

from napari_unlearn.phantoms.fields import SmoothField
from napari_unlearn.phantoms.space import Triple, random_field


@dataclass(frozen=True)
class HeadFields:
    """Random fields of one head."""

    warps: tuple[SmoothField, SmoothField, SmoothField]
    folds: SmoothField
    """Its zeros are the sulci."""
    thickness: SmoothField
    edges: SmoothField
    """Makes the outlines of lesions irregular."""


@dataclass(frozen=True)
class HeadShape:
    """Proportions of one head; lengths in the coordinates of `Space`, sizes relative to 1."""

    warp: float
    scale: Triple
    tilt: Triple
    """Roll, pitch and yaw [rad]."""
    atrophy: float
    """0 young to 2 severe: wider sulci and fissures, a smaller brain."""
    cortex: float
    cortex_variation: float
    ventricles: float
    asymmetry: float
    """Of the image-right lateral ventricle against the other one."""
    deep_grey: float
    deep_grey_at: tuple[float, float]
    """Position along y of the striatum on either side."""
    cerebellum: float
    fields: HeadFields


def draw_shape(rng: np.random.Generator, variation: float, atrophied: bool) -> HeadShape:
    """Draw one head; `variation` scales how far it may be from the average one."""

    def normal(spread: float) -> float:
        return variation * spread * rng.standard_normal()

    fields = HeadFields(
        warps=(random_field(rng, 0.35), random_field(rng, 0.35), random_field(rng, 0.35)),
        folds=random_field(rng, 0.095),
        thickness=random_field(rng, 0.18),
        edges=random_field(rng, 0.08),
    )
    scale = (1 + normal(0.05), 1 + normal(0.05), 1 + normal(0.05))
    tilt = (normal(0.04), normal(0.05), normal(0.10))
    usual_atrophy = variation * rng.uniform()
    ventricles = float(np.clip(np.exp(normal(0.30)), 0.5, 2))
    return HeadShape(
        warp=0.04 * variation,
        scale=scale,
        tilt=tilt,
        atrophy=2.0 if atrophied else usual_atrophy,
        cortex=0.15,
        cortex_variation=0.02 * variation,
        ventricles=ventricles * (1.5 if atrophied else 1.0),
        asymmetry=normal(0.15),
        deep_grey=float(np.exp(normal(0.12))),
        deep_grey_at=(0.05 + normal(0.03), 0.05 + normal(0.03)),
        cerebellum=float(np.exp(normal(0.10))),
        fields=fields,
    )
