"""DICOM series: one volume out of a folder of slices, echoes and missing tags."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import shortened
from napari_unlearn.io.dicom_image import DicomImage, is_dicom, read_header, read_pixels
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.hdf5 import check_readable
from napari_unlearn.io.volume import ImageVolume

_SERIES_TOLD = 8
"""Of a folder that holds several."""


def read_dicom(
    path: str | os.PathLike[str], *, echo: int = 0, series: int | None = None
) -> ImageVolume:
    """Read a DICOM series from its folder, or from any one of its files.

    `echo` counts the echo times from the shortest; `series` is the series number, needed
    only where a folder holds several. Missing tags are replaced and named in `remarks`.

    Raises:
        ReadError: if there is no series, more than one, or a file is damaged.
    """
    path = Path(path)
    slices = _choose_series(path, _find_slices(path), series)
    remarks: list[str] = []
    slices = _majority(slices, remarks)
    echo_times = tuple(sorted({s.echo for s in slices if s.echo is not None}))
    if not 0 <= echo < max(len(echo_times), 1):
        raise ReadError(
            f"{path}: there is no echo {echo}; 0 to {max(len(echo_times), 1) - 1} exist "
            f"(echo times {_listed(echo_times)} ms)."
        )
    if echo_times:
        slices = [s for s in slices if s.echo == echo_times[echo]]
    else:
        remarks.append("EchoTime is missing.")
    slices = _in_order(slices, remarks)
    gap = _gap(slices, remarks)
    spacing = slices[0].spacing
    if spacing is None:
        remarks.append("PixelSpacing is missing; 1 mm is assumed.")
        spacing = (1.0, 1.0)
    return ImageVolume(
        name=_name(path, echo, echo_times),
        data=np.stack([read_pixels(s) for s in slices]),
        voxel_size=(gap, *spacing),
        affine=_affine(slices, spacing, gap, remarks),
        anatomy=slices[0].body_part,
        source=str(path),
        echo_times=echo_times,
        remarks=tuple(remarks),
    )


def _name(path: Path, echo: int, echo_times: tuple[float, ...]) -> str:
    name = path.stem if path.is_file() else path.resolve().name
    return f"{name} echo {echo_times[echo]:g} ms" if len(echo_times) > 1 else name


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers) or "not stated"


def _find_slices(path: Path) -> list[DicomImage]:
    if path.is_dir():
        try:
            files = sorted(file for file in path.iterdir() if file.is_file())
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror}).") from error
        found = [read_header(file) for file in files if is_dicom(file)]
        if not files:
            raise ReadError(f"{path}: the folder is empty; a DICOM series is expected.")
        images = [image for image in found if image is not None]
        if not images:
            raise ReadError(f"{path}: none of the {len(files)} files in it is a DICOM image.")
        return images
    check_readable(path, "a DICOM file or folder")
    chosen = read_header(path) if is_dicom(path) else None
    if chosen is None:
        raise ReadError(f"{path}: not a DICOM image.")
    siblings = (read_header(file) for file in sorted(path.parent.iterdir()) if is_dicom(file))
    return [s for s in siblings if s is not None and s.series == chosen.series]


def _choose_series(path: Path, slices: list[DicomImage], series: int | None) -> list[DicomImage]:
    counts = Counter((s.series, s.series_number) for s in slices)
    told = [
        f"{'without number' if number is None else shortened(number, 12)} ({count} images)"
        for (_, number), count in sorted(counts.items(), key=lambda item: item[0][1] or 0)
    ]
    more = len(told) - _SERIES_TOLD
    known = ", ".join(told[:_SERIES_TOLD]) + (f" and {more} more" if more > 0 else "")
    if series is None and len(counts) == 1:
        return slices
    chosen = [uid for uid, number in counts if number == series]
    if series is None or len(chosen) != 1:
        raise ReadError(
            f"{path}: the folder holds {len(counts)} DICOM series, {known}; choose one by its "
            "series number or by one of its files."
        )
    return [s for s in slices if s.series == chosen[0]]


def _majority(slices: list[DicomImage], remarks: list[str]) -> list[DicomImage]:
    """Drop localizers: keep the images of the commonest size and orientation."""

    def key(image: DicomImage) -> tuple[object, ...]:
        turned = image.orientation
        return (image.shape, None if turned is None else tuple(turned.round(2).ravel() + 0.0))

    commonest = Counter(key(s) for s in slices).most_common(1)[0][0]
    kept = [s for s in slices if key(s) == commonest]
    if len(kept) < len(slices):
        remarks.append(
            f"{len(slices) - len(kept)} images of another size or orientation are left out."
        )
    return kept


def _along(image: DicomImage) -> float | None:
    """Position along the normal of the slices [mm]."""
    if image.position is None or image.orientation is None:
        return image.location
    return float(np.cross(*image.orientation) @ image.position)


def _in_order(slices: list[DicomImage], remarks: list[str]) -> list[DicomImage]:
    positions = [_along(s) for s in slices]
    if any(position is None for position in positions):
        remarks.append("Slice positions are missing; slices are ordered by InstanceNumber.")
        return sorted(slices, key=lambda s: (s.instance, s.path.name))
    if any(s.position is None or s.orientation is None for s in slices):
        remarks.append("Slice positions are missing; slices are ordered by SliceLocation.")
    kept: dict[float, DicomImage] = {}
    for image in sorted(slices, key=lambda s: (s.instance, s.path.name)):
        kept.setdefault(round(_along(image) or 0.0, 2), image)
    if len(kept) < len(slices):
        remarks.append(
            f"{len(slices) - len(kept)} further images at the same positions are left out."
        )
    return [kept[position] for position in sorted(kept)]


def _gap(slices: list[DicomImage], remarks: list[str]) -> float:
    positions = [p for p in map(_along, slices) if p is not None]
    if len(positions) == len(slices) > 1:
        steps = np.diff(positions)
        if np.ptp(steps) > 0.02 * steps.mean():
            remarks.append(
                f"Slices are {steps.min():.3g} to {steps.max():.3g} mm apart; the mean is used."
            )
        return float(steps.mean())
    if slices[0].gap is None:
        remarks.append("The distance between slices is missing; 1 mm is assumed.")
        return 1.0
    return slices[0].gap


def _affine(
    slices: list[DicomImage], spacing: tuple[float, float], gap: float, remarks: list[str]
) -> NDArray[np.float64] | None:
    first, last = slices[0], slices[-1]
    if first.position is None or first.orientation is None or last.position is None:
        remarks.append("ImagePositionPatient or ImageOrientationPatient is missing.")
        return None
    along_columns, along_rows = first.orientation
    step = np.cross(along_columns, along_rows) * gap
    if len(slices) > 1:
        step = (last.position - first.position) / (len(slices) - 1)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = along_rows * spacing[0]
    affine[:3, 2] = along_columns * spacing[1]
    affine[:3, 3] = first.position
    # DICOM's axes point left and posterior, ours right and anterior.
    affine[:2] *= -1
    return affine
