"""The images of a case: read, compared in shape, given one grey scale; nothing tells the arm."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.bounded import open_file
from napari_unlearn.errors import UnlearnError, reason
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.kind import kind_of
from napari_unlearn.io.open import open_volume
from napari_unlearn.io.reconstruction import read_reconstruction
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.study import ReadingStudy

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""Files without geometry; their pixels count as 1 mm."""

VOLUMES = (".nii", ".nii.gz", ".h5", ".hdf5", ".dcm", ".ima")
"""Files with slices and voxel sizes; a folder of DICOM files is one as well."""

_GREY = np.array([0.2125, 0.7154, 0.0721])  # luminance after ITU-R BT.709
_MOST_PIXELS = 2**26


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """What is shown of a case."""

    case: str
    labels: tuple[str, ...]
    images: tuple[NDArray[np.float32], ...]
    """One per label, (slices, rows, columns), all alike in shape."""
    voxel_size: tuple[float, float, float]
    """Along (slice, row, column) [mm]."""
    limits: tuple[float, float]
    """Values shown as black and as white, the same for all."""


def load_case(study: ReadingStudy, case: str, arms: Sequence[str]) -> LoadedCase:
    """Read the images of a case, `arms` in the order of their letters.

    Raises:
        ReadingError: naming the letter of what cannot be read, never the arm or its file.
    """
    volumes = []
    for label, arm in zip(study.labels, arms, strict=True):
        try:
            volumes.append(read_image(study.image(case, arm)))
        except (UnlearnError, OSError):
            raise ReadingError(
                f"Case {case}, image {label}: cannot be read; whoever made the study finds out why "
                "with 'napari-unlearn read check'."
            ) from None
    first = volumes[0]
    for label, volume in zip(study.labels, volumes, strict=True):
        if not _alike(first, volume):
            raise ReadingError(
                f"Case {case}, image {label}: its grid is not that of image {study.labels[0]}; "
                "'napari-unlearn read check' tells which."
            )
    images = tuple(np.ascontiguousarray(v.data, dtype=np.float32) for v in volumes)
    low = min(float(np.percentile(image, 0.2)) for image in images)
    high = max(float(np.percentile(image, 99.8)) for image in images)
    low = min(low, 0.0) if high > 0 else low  # magnitudes are seen against true black
    limits = (low, high if high > low else low + 1.0)
    return LoadedCase(case, study.labels, images, first.voxel_size, limits)


def check_images(study: ReadingStudy) -> Iterator[str]:
    """Read every image of a study; one line for each case that is fine.

    Raises:
        ReadingError: for whoever makes the study, not for readers: case, arm and reason.
    """
    for case in study.definition.cases:
        volumes = {}
        for arm in case.arms:
            path = study.image(case.name, arm)
            try:
                volumes[arm] = read_image(path)
            except (UnlearnError, OSError) as error:
                raise ReadingError(f"Case '{case.name}', arm '{arm}': {error}") from error
        (first, shown), *others = volumes.items()
        for arm, volume in others:
            if not _alike(shown, volume):
                raise ReadingError(
                    f"Case '{case.name}': '{first}' is {_grid(shown)}, '{arm}' {_grid(volume)}; "
                    "images that are read side by side lie on one grid."
                )
        yield f"{case.name}: {len(volumes)} images, {_grid(shown)}"


def read_image(path: Path) -> ImageVolume:
    """Read NIfTI, DICOM, reconstructions in HDF5, or a picture (its grey values).

    Raises:
        ReadError: if it is something else, damaged, or holds NaN or infinity.
    """
    if path.suffix.lower() in PICTURES:
        volume = _picture(path)
    elif kind_of(path) == "reconstruction":
        volume = read_reconstruction(path)
    else:
        volume = open_volume(path)
    for index in range(len(volume.data)):
        volume.image(index)
    return volume


def _picture(path: Path) -> ImageVolume:
    try:
        open_file(path).close()
        data = _pixels(path)
    except Exception as error:  # two libraries below, each with errors of its own
        raise ReadError(f"{path}: cannot be read as a picture ({reason(error)}).") from error
    if data.dtype.kind not in "buif" or data.size == 0 or data.size > _MOST_PIXELS:
        raise ReadError(f"{path}: a picture of {data.dtype}, shape {data.shape}, cannot be shown.")
    data = data.astype(np.float32)
    if data.ndim >= 3 and data.shape[-1] in (3, 4):
        data = (data[..., :3] @ _GREY).astype(np.float32)
    elif data.ndim == 3 and data.shape[-1] == 2:
        data = data[..., 0]  # grey with transparency
    if data.ndim not in (2, 3):
        raise ReadError(f"{path}: a picture of shape {data.shape}; one or several pages are read.")
    return ImageVolume(path.stem, data if data.ndim == 3 else data[None], source=str(path))


def _pixels(path: Path) -> NDArray:
    """Of these formats and no other: Pillow also opens some by running other programs."""
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        logging.getLogger("tifffile").disabled = True  # it prints what it finds odd
        with tifffile.TiffFile(path) as file:
            _check_size(file.series[0].size)
            return np.asarray(file.series[0].asarray())
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures, on which we decide
        try:
            picture = Image.open(path, formats=("PNG", "JPEG", "BMP"))
        except Image.DecompressionBombError as error:
            raise ValueError(f"more than the {_MOST_PIXELS:,} pixels that are read") from error
        with picture:
            _check_size(picture.width * picture.height)
            coloured = picture.convert("RGBA") if picture.mode in ("P", "PA") else picture
            return np.asarray(coloured)


def _check_size(pixels: int) -> None:
    if pixels > _MOST_PIXELS:
        raise ValueError(f"{pixels:,} pixels, {_MOST_PIXELS:,} at most are read")


def _alike(first: ImageVolume, other: ImageVolume) -> bool:
    same_size = np.allclose(first.voxel_size, other.voxel_size, rtol=1e-3)
    return first.data.shape == other.data.shape and same_size


def _grid(volume: ImageVolume) -> str:
    sizes = " x ".join(f"{size:g}" for size in volume.voxel_size)
    return f"{' x '.join(map(str, volume.data.shape))} voxels of {sizes} mm"
