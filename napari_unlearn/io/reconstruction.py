"""What `reconstruct -o OUT.h5` leaves: fastMRI's submission layout plus geometry."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.io.errors import ReadError, WriteError
from napari_unlearn.io.fastmri_layout import (
    affine_of,
    read_attributes,
    voxel_size_of,
    write_provenance,
)
from napari_unlearn.io.hdf5 import check_size, find_dataset, open_hdf5
from napari_unlearn.io.hdf5_draft import create_hdf5
from napari_unlearn.io.volume import ImageVolume, odd_numbers
from napari_unlearn.mri.scan import Header


def write_reconstruction(
    path: str | os.PathLike[str], images: NDArray[np.float32], header: Header
) -> Path:
    """Write reconstructed magnitudes (slices, image_rows, image_columns) of a scan.

    Raises:
        WriteError: if the images do not fit the header, or the file cannot be written.
    """
    path = Path(path)
    expected = (header.slices, header.image_rows, header.image_columns)
    if images.shape != expected:
        raise WriteError(f"{path}: images have shape {images.shape}; {expected} is expected.")
    with create_hdf5(path) as file:
        file.create_dataset(
            "reconstruction", data=images.astype(np.float32), chunks=(1, *expected[1:])
        )
        write_provenance(file, header)
    return path


def read_reconstruction(path: str | os.PathLike[str]) -> ImageVolume:
    """Read a file of `write_reconstruction`, or a fastMRI submission.

    Raises:
        ReadError: if the file is damaged or its dataset 'reconstruction' unusable.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        dataset = find_dataset(file, "reconstruction")
        if dataset is None or dataset.ndim != 3 or dataset.dtype.kind not in "fiu":
            raise ReadError(
                f"{path}: no usable dataset 'reconstruction'; real numbers of shape (slices, rows, "
                "columns) are expected."
            )
        check_size(dataset, "slices, rows and columns")
        data = np.asarray(dataset[()], dtype=np.float32)
        attributes = read_attributes(file)
    if wrong := odd_numbers(data):
        raise ReadError(f"{path}: 'reconstruction' holds {wrong}.")
    return ImageVolume(
        name=path.stem,
        data=data,
        voxel_size=voxel_size_of(attributes) or (1.0, 1.0, 1.0),
        affine=affine_of(attributes),
        anatomy=str(attributes.get("anatomy", "")),
        source=str(path),
    )
