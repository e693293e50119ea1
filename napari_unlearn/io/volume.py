"""An image volume: what NIfTI files, DICOM series and reconstructions have in common."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError

_LARGEST = 1e15
"""Beyond it sums of squares over a slice overflow in float32."""


def odd_numbers(values: NDArray) -> str:
    """What makes numbers unusable, in words; empty if they are fine."""
    if values.size == 0 or values.dtype.kind not in "fc":
        return ""
    flat = np.ascontiguousarray(values).reshape(-1)
    real = flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat
    low, high = float(real.min()), float(real.max())  # NaN if there is one
    if not np.isfinite((low, high)).all():
        return "NaN or infinity"
    return f"numbers beyond {_LARGEST:g}" if max(-low, high) > _LARGEST else ""


@dataclass(frozen=True)
class ImageVolume:
    """Magnitude images of one body part, ready to look at slice by slice."""

    name: str
    data: NDArray = field(repr=False)
    """(slices, rows, columns); memory-mapped, in the file's number type, where that is possible."""
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Distance between voxel centres along (slice, row, column) [mm]."""
    affine: NDArray[np.float64] | None = field(default=None, compare=False)
    """Voxel index (slice, row, column, 1) to scanner position RAS+ [mm], (4, 4)."""
    units: str = "a.u."
    """Of the numbers in `data`."""
    anatomy: str = ""
    source: str = ""
    """Path of the file or folder."""
    echo_times: tuple[float, ...] = ()
    """Of all echoes in the file [ms]; `data` is one of them."""
    remarks: tuple[str, ...] = ()
    """What was missing in the file and assumed instead, one sentence each."""

    @property
    def position(self) -> NDArray[np.float64]:
        """The affine; of a volume that does not know its own, an axial one about the origin."""
        if self.affine is not None:
            return self.affine
        slice_, row, column = self.voxel_size
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = slice_, -row, -column, 1
        affine[:3, 3] = -affine[:3, :3] @ (np.array(self.data.shape) - 1) / 2
        return affine

    def image(self, index: int) -> NDArray[np.float32]:
        """One slice, (rows, columns).

        Raises:
            ReadError: if it holds NaN, infinity or numbers that are no image.
        """
        image = np.asarray(self.data[index], dtype=np.float32)
        if wrong := odd_numbers(image):
            raise ReadError(f"{self.source}: {wrong} in slice {index}.")
        return image
