"""What a path holds, judged by content rather than by name."""

from pathlib import Path
from typing import Literal

from napari_unlearn.io.dicom import is_dicom
from napari_unlearn.io.errors import ReadError, looking_at
from napari_unlearn.io.hdf5 import check_readable, find_dataset, is_hdf5, open_hdf5
from napari_unlearn.io.mrd_layout import find_mrd
from napari_unlearn.io.nifti import is_nifti

Kind = Literal[
    "fastmri", "mrd", "reconstruction", "nifti", "dicom", "safetensors", "pytorch", "folder"
]

ACCEPTED = (
    "fastMRI HDF5, MRD, NIfTI, a DICOM folder or file, a safetensors checkpoint and a PyTorch file "
    "are accepted"
)

_NAMES = {
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".mrd": "MRD",
    ".nii": "NIfTI",
    ".gz": "gzipped NIfTI",
    ".dcm": "DICOM",
    ".safetensors": "safetensors",
    ".pt": "a PyTorch file",
    ".pth": "a PyTorch file",
    ".ckpt": "a PyTorch file",
}


def kind_of(path: Path) -> Kind:
    """Recognise a file or folder.

    Raises:
        ReadError: if it is missing, may not be read, is empty, or is nothing we know.
    """
    with looking_at(path):
        return _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)


def _kind_of_file(path: Path) -> Kind:
    check_readable(path, "a scan, a volume or a checkpoint")
    if path.stat().st_size == 0:
        raise ReadError(f"{path}: the file is empty; {ACCEPTED}.")
    if is_hdf5(path):
        with open_hdf5(path) as file:
            if "kspace" in file:
                return "fastmri"
            if find_mrd(file) is not None:
                return "mrd"
            only_images = find_dataset(file, "reconstruction") is not None
        return "reconstruction" if only_images else "fastmri"
    if is_dicom(path):
        return "dicom"
    if is_nifti(path):
        return "nifti"
    with path.open("rb") as file:
        start = file.read(9)
    if start[:4] == b"PK\3\4" or start[:1] == b"\x80":
        return "pytorch"
    # Safetensors: the length of a JSON text in eight bytes, then that text.
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < 2**30:
        return "safetensors"
    name = _NAMES.get("".join(path.suffixes[-1:]).lower())
    says = f"is not {name} although its name says so" if name else "has an unknown format"
    raise ReadError(f"{path}: {says}; {ACCEPTED}.")


def _kind_of_folder(path: Path) -> Kind:
    entries = sorted(path.iterdir())
    if not entries:
        raise ReadError(f"{path}: the folder is empty; scans or a DICOM series are expected.")
    return "dicom" if any(e.is_file() and is_dicom(e) for e in entries) else "folder"
