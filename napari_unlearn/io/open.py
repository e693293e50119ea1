"""The front door: any accepted file becomes a scan."""

import os
from pathlib import Path

from napari_unlearn.io.dicom import is_dicom, read_dicom
from napari_unlearn.io.errors import ReadError, looking_at
from napari_unlearn.io.fastmri import read_fastmri
from napari_unlearn.io.hdf5 import is_hdf5
from napari_unlearn.io.image_scan import SimulatedScan
from napari_unlearn.io.kind import kind_of
from napari_unlearn.io.mrd import read_mrd
from napari_unlearn.io.nifti import is_nifti, read_nifti
from napari_unlearn.io.patterns import matches
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.mri.scan import Scan


def open_scan(
    path: str | os.PathLike[str],
    *,
    coils: int = 4,
    noise: float = 0.01,
    seed: int = 0,
    matrix: tuple[int, int] | None = None,
    echo: int = 0,
    series: int | None = None,
) -> Scan:
    """Open measured k-space lazily, or simulate it from an image volume.

    All options concern image volumes (NIfTI, DICOM) only: measured k-space keeps its own
    coils and matrix. `matrix` is (rows, columns); `echo` counts the echoes of a DICOM series,
    or the volumes of a NIfTI series; `series` is a DICOM series number.

    Raises:
        ReadError: if nothing there can be opened; the sentence says why.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "fastmri":
        return read_fastmri(path)
    if kind == "mrd":
        return read_mrd(path)
    volume = open_volume(path, echo=echo, series=series)
    return SimulatedScan(volume, coils=coils, noise=noise, seed=seed, matrix=matrix)


def open_volume(
    path: str | os.PathLike[str], *, echo: int = 0, series: int | None = None
) -> ImageVolume:
    """Open an image volume: NIfTI or a DICOM series.

    Raises:
        ReadError: if it is something else, or unusable.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "nifti":
        return read_nifti(path, volume=echo)
    if kind == "dicom":
        return read_dicom(path, echo=echo, series=series)
    if kind == "folder":
        found = find_scans(path)
        raise ReadError(
            f"{path}: a folder with {len(found)} scans; name one of them, e.g. {found[0].name}."
        )
    what = {
        "reconstruction": "reconstructed images without k-space",
        "safetensors": "a checkpoint",
        "pytorch": "a PyTorch file",
        "fastmri": "k-space",
        "mrd": "k-space",
    }[kind]
    raise ReadError(f"{path}: holds {what}; a scan or an image volume is expected.")


def find_scans(folder_or_pattern: str | os.PathLike[str]) -> list[Path]:
    """Scans directly in a folder, or all that match a pattern (** is any depth); sorted.

    A folder of DICOM files counts as one scan. Hidden files are skipped.

    Raises:
        ReadError: if there is none, or looking for them would not end.
    """
    pattern = os.fspath(folder_or_pattern)
    with looking_at(pattern):
        return _scans(pattern)


def _scans(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        if kind_of(path) == "dicom":
            return [path]
        candidates = sorted(path.iterdir())
    elif path.is_file():
        candidates = [path]
    else:
        candidates = matches(pattern)
    found = [c for c in candidates if not c.name.startswith(".") and _is_scan(c)]
    if not found:
        raise ReadError(
            f"{pattern}: no scan found ({len(candidates)} other files); fastMRI HDF5, MRD, NIfTI "
            "or folders of DICOM files are expected."
        )
    return found


def _is_scan(path: Path) -> bool:
    try:
        if path.is_dir():
            return any(is_dicom(file) for file in path.iterdir())
        return path.is_file() and (is_hdf5(path) or is_nifti(path))
    except OSError:
        return False
