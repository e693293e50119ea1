"""Several models on one scan: what they drew, how wrong it is, what they invented."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.mri.scan import Header

Role = Literal["original", "oracle", "unlearned", "other"]
Kind = Literal["removed", "remaining", "introduced"]
Polarity = Literal["brighter", "darker", "lost", "unknown"]


@dataclass(frozen=True)
class ImageQuality:
    """fastMRI's measures of one volume or one slice, data range = volume maximum."""

    psnr: float
    """[dB]"""
    ssim: float
    nmse: float


@dataclass(frozen=True)
class Region:
    """One connected region where a reconstruction departs from the reference."""

    label: int
    """Value of the region in `ArmResult.highlights`' companion `regions` numbering, from 1."""
    kind: Kind
    slice: int
    centre: tuple[float, float]
    """(row, column) [pixels]"""
    box: tuple[int, int, int, int]
    """(first row, first column, last row + 1, last column + 1)"""
    area: float
    """[mm^2]"""
    mean_error: float
    """Mean signed error inside, as a fraction of the volume maximum; > 0 is too bright, NaN if
    there is no reference."""
    polarity: Polarity = "unknown"
    """Invented structure, brighter or darker than the reference, where the reference is the
    smoother of the two, else structure of the reference that is lost; of a removed region what it
    was. Unknown without a reference."""
    place: tuple[float, float, float] | None = None
    """The centre, to the right, to the front and upwards of the scanner's origin (RAS+) [mm];
    None if the scan does not say where it lies."""


@dataclass(frozen=True)
class ArmResult:
    """What one model made of the scan."""

    name: str
    """Short caption, e.g. "Unlearned DC"."""
    role: Role
    images: NDArray[np.float32]
    """(slices, image_rows, image_columns)"""
    errors: NDArray[np.float32] | None
    """|image - reference| / volume maximum, same shape; None without a reference."""
    highlights: NDArray[np.uint8] | None
    """Per pixel 0 none, 1 removed, 2 remaining, 3 introduced; see `KIND_VALUES`."""
    regions: tuple[Region, ...]
    quality: ImageQuality | None
    """Of the volume."""
    slice_quality: tuple[ImageQuality, ...]
    model: str = ""
    """Checkpoint path, or how the image was made."""
    seconds: float = 0.0
    hallucinations: NDArray[np.float32] | None = None
    """The map that is highlighted, same shape, where `Comparison.mode` is not "error"."""
    null_share: float | None = None
    """Mean over the slices of the share of the map's energy in the null space; None for maps
    without lambda."""


KIND_VALUES: dict[Kind, int] = {"removed": 1, "remaining": 2, "introduced": 3}


@dataclass(frozen=True)
class Comparison:
    """The whole answer: reference and one result per arm, all on one grid."""

    header: Header
    reference: NDArray[np.float32] | None
    """(slices, image_rows, image_columns)"""
    reference_name: str
    """"Ground truth", or the arm used in its place."""
    maximum: float
    """Data range: the volume maximum of the reference."""
    mask: NDArray[np.bool_]
    """Acquired columns, (columns,)."""
    threshold: float
    """Error above which a pixel is highlighted, fraction of the maximum."""
    threshold_from: str
    """Where the threshold comes from, in words."""
    arms: tuple[ArmResult, ...]
    minimal_area: float = 0.0
    """Smaller regions are not highlighted [mm^2]."""
    remarks: tuple[str, ...] = ()
    """What the reader should know, a sentence each, e.g. a model made for other coils."""
    mode: str = "error"
    """Which map is highlighted: a name of `hallucination.MODES`."""
    lam: float | None = None
    """Mean over the slices of the lambda that the map was made with; None: it has none."""

    def marked(self, arm: ArmResult) -> NDArray[np.float32] | None:
        """The map of an arm whose pixels above the threshold are highlighted, if it has one."""
        return arm.errors if self.mode == "error" else arm.hallucinations


@dataclass(frozen=True)
class Reconstructed:
    """One arm has finished one slice."""

    arm: int
    index: int
    image: NDArray[np.float32]
    done: int
    """Slices finished so far, over all arms."""
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class Compared:
    """The comparison is complete."""

    comparison: Comparison


CompareEvent = Reconstructed | Compared
CompareEvents = Iterator[CompareEvent]
