"""What a scanner shows of a labelled head: T1, T1-IR and FLAIR images."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_unlearn.mri.subject3d import CONTRASTS
from napari_unlearn.phantoms.head_anatomy import SKULL
from napari_unlearn.phantoms.space import Array, Space, random_field

# Relative signals of the label values 0 (inside the head: skull) to 10. IR is the
# phase-sensitive kind, in which white matter is brightest and fluid darkest. On FLAIR fluid is
# suppressed, so that the gliosis of lesions stands out and an infarct's core does not.
_SIGNALS = {
    "T1": (0.12, 0.52, 0.60, 0.80, 0.60, 0.20, 0.17, 0.56, 0.74, 0.28, 0.50),
    "T1-IR": (0.10, 0.40, 0.52, 0.92, 0.50, 0.10, 0.08, 0.46, 0.82, 0.18, 0.38),
    "FLAIR": (0.10, 0.60, 0.55, 0.46, 0.92, 0.12, 0.10, 0.58, 0.48, 0.22, 0.72),
}
_SCALP = {"T1": 0.85, "T1-IR": 0.60, "FLAIR": 0.45}
_NOISE = 0.05


def scanned(
    labels: NDArray[np.uint8],
    head_radius: Array,
    space: Space,
    variation: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Images of the head in every contrast, (channels, depth, rows, columns).

    Signals and gamma differ between subjects; texture is the subject's own and shared by the
    channels; every channel has its own shading and Rician noise. The air is exactly zero, as
    after a scanner's background suppression.

    Args:
        labels: The head as it is, not as a rater drew it, (depth, rows, columns).
        head_radius: 1 on the skin, `SKULL` where the skull begins, of the same shape.
        space: The unwarped space of the grid.
        variation: How far signals may be from the average subject's.
        rng: Of this scan.
    """
    brain = labels > 0
    coarse, fine = (space.sample(random_field(rng, length)) for length in (0.11, 0.045))
    texture = 1 + 0.04 * coarse * brain
    grain = 0.03 * fine * brain
    scalp = ~brain & (head_radius > SKULL)
    images = []
    for name in CONTRASTS:
        signal = np.array(_SIGNALS[name])
        signal[1:] += 0.025 * variation * rng.standard_normal(len(signal) - 1)
        image = signal[labels]
        image[scalp] = _SCALP[name] * (1 + 0.1 * fine[scalp])
        image[head_radius >= 1] = 0.0
        # A voxel averages what lies in it and a little of its neighbours.
        image = gaussian_filter(image, 0.55) * texture + grain
        image *= np.exp(0.12 * space.sample(random_field(rng, 0.6)))
        image = np.clip(image, 0, None) ** np.exp(0.12 * variation * rng.standard_normal())
        noise = _NOISE * rng.standard_normal((2, *image.shape))
        images.append(np.hypot(image + noise[0], noise[1]) * (head_radius < 1.03))
    return np.stack(images).astype(np.float32)
