"""Which subject a path means: a folder of them, one of their volumes, or volumes side by side."""

import re
from pathlib import Path

from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.mri.subject3d import CONTRASTS
from napari_unlearn.viewer.segment_tasks import SUFFIXES, is_volume


def subjects_at(path: Path) -> tuple[tuple[SubjectFiles, ...], int]:
    """Find the subjects that a path leads to, and which of them it names.

    A folder or a list file stands for all its subjects. A NIfTI file stands for the subject of
    whom it is one contrast: in a layout that `find_subjects` knows the others of its study are
    found too; elsewhere its contrasts are the files beside it whose names differ by the contrast
    alone (`anna_T1.nii.gz`, `anna_FLAIR.nii.gz`; or `T1.nii.gz`, `FLAIR.nii.gz` in a folder).

    Raises:
        ReadError: if there is no subject.
    """
    if not is_volume(path):
        return find_subjects(path, labelled=False), 0
    if not path.is_file():
        raise ReadError(
            f"{path}: no such file; a NIfTI volume or a folder of subjects is expected."
        )
    for folder in path.resolve().parents[1:3]:
        found = _with_volume(folder, path)
        if found is not None:
            return found
    return (_beside(path),), 0


def _with_volume(folder: Path, volume: Path) -> tuple[tuple[SubjectFiles, ...], int] | None:
    """The subjects of a folder, if one of them has this volume."""
    try:
        found = find_subjects(folder, labelled=False)
    except ReadError:
        return None
    own = volume.resolve()
    for place, files in enumerate(found):
        paths = [path for _, path in files.images]
        if own in [each.resolve() for each in (*paths, *filter(None, [files.labels]))]:
            return found, place
    return None


def _beside(path: Path) -> SubjectFiles:
    suffix = next(end for end in SUFFIXES if path.name.lower().endswith(end))
    stem, suffix = path.name[: -len(suffix)], path.name[-len(suffix) :]
    contrast = next((each for each in CONTRASTS if re.fullmatch(rf"(.*_)?{each}", stem)), None)
    if contrast is None:
        return SubjectFiles(_as_id(stem), (("image", path),), None)
    start = stem.removesuffix(contrast)
    images = [(each, path.with_name(f"{start}{each}{suffix}")) for each in CONTRASTS]
    drawn = path.with_name(f"{start}labels{suffix}")
    return SubjectFiles(
        _as_id(start.rstrip("_") or path.resolve().parent.name),
        tuple((each, file) for each, file in images if file.is_file()),
        drawn if drawn.is_file() else None,
    )


def _as_id(name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", name).lstrip("-.")
    return plain or "subject"
