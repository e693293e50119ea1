"""Images of a study copied under other names, with nothing but numbers and geometry in them."""

from pathlib import Path

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.pseudonym import Pseudonyms
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.images import read_image
from napari_unlearn.reading.make import Found

FOLDER = "images"


def copy_cases(found: Found, folder: Path, names: Pseudonyms) -> Found:
    """Write every image as `images/CASE/ARM.nii.gz` below a folder, cases under pseudonyms.

    Neither a file's name nor its header comes along; what is painted into the pixels does.

    Returns:
        The copies.

    Raises:
        ReadingError: if an image cannot be read, with case and arm.
        UnlearnError: if a copy cannot be written.
    """
    copies: dict[str, dict[str, Path]] = {}
    for case, images in found.items():
        called = names.of("case", case)
        for arm, path in images.items():
            try:
                volume = read_image(path)
            except (UnlearnError, OSError) as error:
                raise ReadingError(f"Case '{case}', arm '{arm}': {error}") from error
            copy = folder / FOLDER / called / f"{arm}.nii.gz"
            write_nifti(copy, ImageVolume(arm, volume.data, volume.voxel_size, volume.affine))
            copies.setdefault(called, {})[arm] = copy
    return copies
