"""Reference images that are computed from k-space when a slice is looked at."""

from typing import TYPE_CHECKING

from napari_unlearn.io.fastmri import FastmriScan
from napari_unlearn.mri.scan import Scan

if TYPE_CHECKING:
    from dask.array import Array

MUCH = 64 * 2**20
"""K-space that is not read in one go before anything is shown [bytes]."""


def reads_much(scan: Scan) -> bool:
    """Whether the reference volume can only be had by reading more k-space than `MUCH`."""
    if not isinstance(scan, FastmriScan) or scan.target_name is not None:
        return False
    header = scan.header
    return 8 * header.slices * header.coils * header.rows * header.columns > MUCH


def lazy_reference(scan: Scan) -> "Array":
    """The reference volume, (slices, rows, columns) float32, of which napari asks a slice a time.

    What has been computed is remembered in dask's cache, which napari bounds.
    """
    from dask import delayed
    from dask.array import from_delayed, stack

    header = scan.header
    shape = (header.image_rows, header.image_columns)
    slices = [delayed(scan.target)(index) for index in range(header.slices)]
    return stack([from_delayed(each, shape, "float32") for each in slices])
