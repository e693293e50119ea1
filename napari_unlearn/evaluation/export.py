"""A comparison as files: figure, maps as NIfTI and HDF5, numbers as JSON and CSV."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_unlearn.atomic import write_whole
from napari_unlearn.evaluation.comparison import KIND_VALUES, ArmResult, Comparison
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.figures import save_figure
from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.evaluation.numbers import metrics_csv, regions_csv, to_json
from napari_unlearn.io.hdf5_draft import create_hdf5
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.volume import ImageVolume


def export_comparison(
    comparison: Comparison, folder: Path | str, index: int | None = None
) -> list[Path]:
    """Write everything there is to know about a comparison; files of the same name go.

    figure.png, figure.svg    one slice (`index`; None takes the busiest)
    reference.nii.gz          and per arm ARM_reconstruction, ARM_error, ARM_highlights,
                              ARM_hallucinations where another map than the error is highlighted
    comparison.h5             the same arrays, (slices, rows, columns), with their meaning
    comparison.json           every number
    metrics.csv, regions.csv  the tables

    Returns:
        The files, in this order.

    Raises:
        UnlearnError: The folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot be made ({error.strerror}).") from error
    written = [save_figure(comparison, folder / f"figure.{kind}", index) for kind in ("png", "svg")]
    for name, volume in _volumes(comparison):
        header = comparison.header
        placed = ImageVolume(name, volume, header.voxel_size, header.affine)
        written.append(write_nifti(folder / f"{name}.nii.gz", placed))
    written.append(_save_hdf5(comparison, folder / "comparison.h5"))
    for name, text in (
        ("comparison.json", to_json(comparison)),
        ("metrics.csv", metrics_csv(comparison)),
        ("regions.csv", regions_csv(comparison)),
    ):
        write_whole(folder / name, text.encode())
        written.append(folder / name)
    return written


def file_names(comparison: Comparison) -> list[str]:
    """Turn the arms' captions into distinct beginnings of file names."""
    names: list[str] = []
    for arm in comparison.arms:
        plain = "".join(c if c.isalnum() else "_" for c in arm.name.lower()).strip("_") or "arm"
        # "reference" is taken by the reference itself
        taken = [*names, "reference"]
        number = next(n for n in range(1, len(taken) + 2) if _numbered(plain, n) not in taken)
        names.append(_numbered(plain, number))
    return names


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _volumes(comparison: Comparison) -> Iterator[tuple[str, NDArray]]:
    if comparison.reference is not None:
        yield "reference", comparison.reference
    for name, arm in zip(file_names(comparison), comparison.arms, strict=True):
        for kind, volume in _maps(arm):
            yield f"{name}_{kind}", volume


def _maps(arm: ArmResult) -> Iterator[tuple[str, NDArray]]:
    yield "reconstruction", arm.images
    if arm.errors is not None:
        yield "error", arm.errors
    if arm.hallucinations is not None:
        yield "hallucinations", arm.hallucinations
    if arm.highlights is not None:
        yield "highlights", arm.highlights


def _save_hdf5(comparison: Comparison, path: Path) -> Path:
    with create_hdf5(path) as file:
        file.attrs["scan"] = comparison.header.name
        file.attrs["reference"] = comparison.reference_name
        file.attrs["maximum"] = comparison.maximum
        file.attrs["threshold"] = comparison.threshold
        file.attrs["threshold_from"] = comparison.threshold_from
        file.attrs["voxel_size"] = comparison.header.voxel_size
        file.attrs["error"] = "|reconstruction - reference| / maximum"
        look = MODES[comparison.mode]
        file.attrs["hallucinations"] = f"{look.title}: {look.formula} [{look.unit}]"
        if comparison.lam is not None:
            file.attrs["lambda"] = comparison.lam
        file.attrs["highlights"] = ", ".join(f"{v} {kind}" for kind, v in KIND_VALUES.items())
        if comparison.header.affine is not None:
            file.attrs["affine"] = comparison.header.affine
        file["mask"] = comparison.mask
        if comparison.reference is not None:
            _save_volume(file, "reference", comparison.reference)
        for name, arm in zip(file_names(comparison), comparison.arms, strict=True):
            group = file.create_group(name)
            group.attrs["name"], group.attrs["role"] = arm.name, arm.role
            for kind, volume in _maps(arm):
                _save_volume(group, kind, volume)
    return path


def _save_volume(group: h5py.Group, name: str, volume: NDArray) -> None:
    group.create_dataset(
        name, data=np.asarray(volume), chunks=(1, *volume.shape[1:]), compression="gzip"
    )
