"""npe2 reader: the reference images of a scan as an image layer."""

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.scan import Scan
from napari_unlearn.viewer.lazy_reference import lazy_reference, reads_much

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | PathLike[str] | Sequence[str]

_SUFFIXES = (".h5", ".hdf5", ".mrd", ".nii", ".nii.gz", ".dcm", ".ima")


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Tell whether a path might be a scan, from its name alone."""
    if not isinstance(path, str | PathLike):
        return None  # a stack of files is napari's business
    name = fspath(path).lower()
    if name.endswith(_SUFFIXES) or _holds_dicom(Path(path)):
        return read
    return None


def read(path: Paths) -> list[LayerData]:
    """Read what a file shows, (slices, rows, columns) in mm: a scan's reference, or a volume.

    Raises:
        UnlearnError: Unusable, or k-space without anything to show.
    """
    from napari_unlearn.io.kind import kind_of
    from napari_unlearn.io.open import open_scan, open_volume
    from napari_unlearn.io.reconstruction import read_reconstruction

    if not isinstance(path, str | PathLike):
        raise UnlearnError("One scan at a time can be opened.")
    kind = kind_of(Path(path))
    if kind in ("fastmri", "mrd"):
        return [_reference(open_scan(path))]
    volume = read_reconstruction(path) if kind == "reconstruction" else open_volume(path)
    image = np.asarray(volume.data, dtype=np.float32)
    origin = {"file": volume.source, "affine": volume.affine, "remarks": volume.remarks}
    name = _called(volume.name)
    return [_layer(image, name, volume.voxel_size, origin, float(image.max()))]


def _reference(scan: Scan) -> LayerData:
    header = scan.header
    half = header.slices // 2
    middle = _target(scan, half)
    if reads_much(scan):
        images: Any = lazy_reference(scan)
        brightest = float(middle.max())
    else:
        slices = range(header.slices)
        images = np.stack([middle if index == half else _target(scan, index) for index in slices])
        brightest = float(images.max())
    origin = {
        "file": header.source,
        "affine": header.affine,
        "simulated": header.simulated,
        "mask": scan.acquired,
    }
    return _layer(images, _called(header.name), header.voxel_size, origin, brightest)


def _target(scan: Scan, index: int) -> NDArray[np.float32]:
    target = scan.target(index)
    if target is None:
        raise UnlearnError(
            f"{scan.header.source}: undersampled k-space without a reference image; open it in "
            "Plugins > Compare models on a scan, where a model can reconstruct it."
        )
    return target


def _called(name: str) -> str:
    """Layers are on every screenshot: a pseudonym, unless the environment asks for names."""
    from napari_unlearn.pseudonym import names_asked_for, naming

    return naming(not names_asked_for()).of("scan", name)


def _layer(
    image: Any,
    name: str,
    voxel_size: tuple[float, float, float],
    origin: dict[str, Any],
    brightest: float,
) -> LayerData:
    options = {
        "name": name,
        "scale": voxel_size,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("slice", "row", "column"),
        "colormap": "gray",
        "contrast_limits": (0.0, brightest or 1.0),
        "metadata": {"slices": len(image), **origin},
    }
    return image, options, "image"


def _holds_dicom(folder: Path) -> bool:
    try:
        names = (entry.name.lower() for entry in folder.iterdir()) if folder.is_dir() else ()
        return any(name.endswith((".dcm", ".ima")) for name in names)
    except (OSError, ValueError):
        return False  # a reader must never raise here
