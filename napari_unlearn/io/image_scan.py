"""An image volume as the scanner might have measured it: a simulated multi-coil scan."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.mri.arrays import root_sum_of_squares, to_kspace
from napari_unlearn.mri.scan import Header
from napari_unlearn.mri.simulate import birdcage_coils, smooth_phase
from napari_unlearn.recent import Recent

_ROUNDING = 1.001
"""Of two Fourier transforms in single precision, and more."""
_PHASE = 0.5
"""Standard deviation of the object's smooth phase [rad]."""


@dataclass(frozen=True)
class SimulatedScan:
    """A fully sampled multi-coil acquisition of an image volume, made slice by slice.

    k_c = F S_c m exp(i phi) + n,  n complex white Gaussian,  E|n|^2 = (noise max m)^2

    F is the centred orthonormal Fourier transform; the reference is the root sum of squares
    of the noisy coil images. The same seed gives the same scan, whichever slice comes first.

    Raises:
        ReadError: if coils, noise or matrix make no sense.
    """

    volume: ImageVolume
    coils: int = 4
    noise: float = 0.01
    """Standard deviation of the noise, as a fraction of the volume's maximum."""
    seed: int = 0
    matrix: tuple[int, int] | None = None
    """(rows, columns) to pad and resample to; None keeps the image's own."""

    def __post_init__(self) -> None:
        if not 1 <= self.coils <= 128:
            raise ReadError(f"{self.coils} coils cannot be simulated; 1 to 128 are accepted.")
        if not 0 <= self.noise < 1:
            raise ReadError(f"A noise of {self.noise} is not a fraction from 0 to below 1.")
        if self.matrix is not None and not all(8 <= n <= 4096 for n in self.matrix):
            raise ReadError(f"The matrix {self.matrix} is not within 8 to 4096 rows and columns.")

    @cached_property
    def header(self) -> Header:
        """Shape, geometry and origin, marked as simulated."""
        slices, *size = self.volume.data.shape
        rows, columns = self.matrix or size
        zoom, shift = _zoom((size[0], size[1]), (rows, columns))
        slice_, row, column = self.volume.voxel_size
        affine = self.volume.affine
        if affine is not None:
            affine = affine @ np.array(
                [[1, 0, 0, 0], [0, zoom, 0, shift[0]], [0, 0, zoom, shift[1]], [0, 0, 0, 1]]
            )
        return Header(
            name=self.volume.name,
            slices=slices,
            coils=self.coils,
            rows=rows,
            columns=columns,
            image_rows=rows,
            image_columns=columns,
            voxel_size=(slice_, row * zoom, column * zoom),
            affine=affine,
            anatomy=self.volume.anatomy,
            simulated=True,
            source=self.volume.source,
        )

    @property
    def acquired(self) -> NDArray[np.bool_] | None:
        """None: every column is measured."""
        return None

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """None: nobody knows the tissues."""
        return None

    @cached_property
    def maximum(self) -> float | None:
        """Largest value of the reference volume.

        Slices are made from the brightest on, until none that is left can hold it: the noise of a
        pixel is the root sum of 2 coils squares of normal numbers, sqrt(2 coils) at most on
        average and never nine standard deviations above (1e-10 among 10^8 pixels).
        """
        shading = np.linalg.norm(self._maps[0], axis=0)
        clean = [float((self.image(i) * shading).max()) for i in range(self.header.slices)]
        reach = self.noise * self._brightest / np.sqrt(2) * (np.sqrt(2 * self.coils) + 9)
        largest = 0.0
        for index in sorted(range(len(clean)), key=lambda i: clean[i], reverse=True):
            if _ROUNDING * (clean[index] + reach) <= largest:
                break
            largest = max(largest, float(self._reference(index).max()))
        return largest

    @property
    def _maps(self) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        wanted = (self.coils, self.header.rows, self.header.columns, self.seed)
        return _KEPT.get(wanted, lambda: _coils_and_drift(*wanted))

    @cached_property
    def _brightest(self) -> float:
        return float(max(self.volume.image(i).max() for i in range(self.header.slices)))

    def image(self, index: int) -> NDArray[np.float32]:
        """The noise-free magnitude that is measured, (rows, columns); negative values are 0."""
        if not 0 <= index < self.header.slices:
            raise ReadError(
                f"{self.header.source}: there is no slice {index}; 0 to {self.header.slices - 1} "
                "exist."
            )
        image = np.maximum(self.volume.image(index), 0)
        return image if self.matrix is None else fit(image, self.matrix)

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Centred k-space of one slice, (coils, rows, columns)."""
        image = self.image(index)
        maps, drift = self._maps
        along = 2 * (index + 0.5) / self.header.slices - 1
        clean = to_kspace(maps * (np.exp(1j * along * drift) * image))
        rng = np.random.default_rng((self.seed, index))
        noise = rng.standard_normal((2, *clean.shape), dtype=np.float32)
        sigma = np.float32(self.noise * self._brightest / np.sqrt(2))
        return (clean + sigma * (noise[0] + 1j * noise[1])).astype(np.complex64)

    def target(self, index: int) -> NDArray[np.float32] | None:
        """Reference magnitude of one slice, (rows, columns)."""
        return self._reference(index)

    def _reference(self, index: int) -> NDArray[np.float32]:
        return root_sum_of_squares(self.kspace(index))


# Alike in all scans of one matrix, of which a set may hold thousands; a single large one stays
# until another comes, but no four of them, each of up to gigabytes, for as long as the program.
_KEPT: Recent[tuple[NDArray[np.complex64], NDArray[np.float32]]] = Recent(
    1 << 24, lambda made: made[0].nbytes + made[1].nbytes, last=True
)


def _coils_and_drift(
    coils: int, rows: int, columns: int, seed: int
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Coil sensitivities with the object's phase, and how that phase drifts [rad]."""
    rng = np.random.default_rng(seed)
    maps = birdcage_coils(coils, rows, columns, rng)
    phase = smooth_phase(rows, columns, rng, _PHASE)
    return maps * np.exp(1j * phase), smooth_phase(rows, columns, rng, 0.4 * _PHASE)


def _zoom(size: tuple[int, int], matrix: tuple[int, int]) -> tuple[float, tuple[float, float]]:
    """Old pixels per new pixel, and where new pixel (0, 0) lies among the old ones."""
    zoom = max(size[0] / matrix[0], size[1] / matrix[1])
    row, column = ((n - 1) / 2 - zoom * (m - 1) / 2 for n, m in zip(size, matrix, strict=True))
    return zoom, (row, column)


def fit(image: NDArray[np.float32], matrix: tuple[int, int]) -> NDArray[np.float32]:
    """Resample to (rows, columns) about the centre; nothing is cut off or stretched.

    One axis fills the matrix, the other is padded with zeros on both sides.
    """
    if image.shape == matrix:
        return image
    zoom, shift = _zoom((image.shape[0], image.shape[1]), matrix)
    if zoom > 1:
        # Blur by what the coarser grid cannot carry, or it folds back as stripes.
        image = gaussian_filter(image, (zoom - 1) / 2, mode="constant")
    fitted = affine_transform(image, (zoom, zoom), shift, matrix, order=1, mode="grid-constant")
    return fitted.astype(np.float32, copy=False)
