"""One subject to segment: a file, several files or a folder become images of one grid."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unlearn.io.errors import ReadError, looking_at
from napari_unlearn.io.mrbrains import challenge_subject
from napari_unlearn.io.nifti import is_nifti, open_nifti, read_series, stem_of
from napari_unlearn.io.subject_files import SubjectFiles
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.mri.subject3d import CONTRASTS, Subject3D

UNNAMED = "image"
"""Channel of a file that does not say which contrast it holds; of a series "image 1" and so on."""
MOST_VOLUMES = 64
"""In a series; what has more is no set of contrasts of one subject."""


def find_subject(path: str | os.PathLike[str], subject: str = "") -> SubjectFiles:
    """Which files make up a subject; none of their numbers is read.

    Accepted are a NIfTI file (one contrast, or a series of contrasts), a subject's folder of
    MRBrainS18, a folder with one file per contrast (`T1.nii.gz`, `<id>_FLAIR.nii.gz`), and
    whatever `find_subjects` accepts.

    Args:
        path: File or folder.
        subject: Id, needed where there are several.

    Raises:
        ReadError: if there is no subject, or not exactly one that is meant.
    """
    path = Path(path)
    with looking_at(path):
        return _find(path, subject)


def _find(path: Path, subject: str) -> SubjectFiles:
    if path.is_dir():
        return _in_folder(path, subject)
    if path.is_file() and not is_nifti(path) and path.suffix in (".txt", ".lst", ".list"):
        return _only(path, find_subjects(path, labelled=False), subject)
    return SubjectFiles(_id_of(path), ((_contrast_of(path), path),))


def load_images(files: SubjectFiles) -> Subject3D:
    """Read a subject's contrasts and leave its labels alone.

    A single file may be a series, with a contrast in each of its volumes.

    Raises:
        ReadError: if a file is unusable, or the files do not share one grid.
    """
    if len(files.images) == 1:
        path = files.images[0][1]
        shape = open_nifti(path).shape
        if len(shape) < 3:
            raise ReadError(f"{path}: a single slice, shape {shape}; a volume is expected.")
        if len(shape) == 4 and shape[3] > 1:
            return _series(files.subject, path, shape[3])
    return replace(files, labels=None).load()


def _series(subject: str, path: Path, count: int) -> Subject3D:
    if count > MOST_VOLUMES:
        raise ReadError(
            f"{path}: a series of {count} volumes; one volume per contrast is expected, at most "
            f"{MOST_VOLUMES}."
        )
    volumes = read_series(path, axial=True)
    first = volumes[0]
    slices = range(len(first.data))
    stacks = [np.stack([volume.image(index) for index in slices]) for volume in volumes]
    return Subject3D(
        subject=subject,
        images=np.stack(stacks),
        labels=None,
        affine=first.position,
        channels=tuple(f"{UNNAMED} {number}" for number in range(1, count + 1)),
        source=str(path),
    )


def _in_folder(folder: Path, subject: str) -> SubjectFiles:
    folder = folder.absolute()  # "." has no name
    if (folder / "pre").is_dir():
        return challenge_subject(folder, labelled=False)
    if folder.name == "pre":
        return challenge_subject(folder.parent, labelled=False)
    inside = [path for path in sorted(folder.iterdir()) if path.is_file() and is_nifti(path)]
    if not inside:
        return _only(folder, find_subjects(folder, labelled=False), subject)
    named = {_contrast_of(path): path for path in inside if _contrast_of(path) != UNNAMED}
    if len(named) < len(inside):
        raise ReadError(
            f"{folder}: {len(inside)} NIfTI files of which {len(named)} are named by different "
            f"contrasts; name the files as NAME=FILE, e.g. T1={inside[0].name}."
        )
    return SubjectFiles(_id_of(folder), tuple(named.items()))


def _only(path: Path, found: tuple[SubjectFiles, ...], subject: str) -> SubjectFiles:
    meant = [files for files in found if not subject or files.subject == subject]
    if len(meant) == 1:
        return meant[0]
    listed = ", ".join(files.subject for files in found[:5]) + (" ..." if len(found) > 5 else "")
    problem = f"there is no subject {subject}" if subject else f"{len(found)} subjects"
    raise ReadError(f"{path}: {problem}; name one of {listed}.")


def _contrast_of(path: Path) -> str:
    """The contrast by which a file is called, as in `head-0001_T1-IR.nii.gz`."""
    last = stem_of(path).rpartition("_")[2]
    known = {contrast.casefold(): contrast for contrast in CONTRASTS}
    return known.get(last.casefold(), UNNAMED)


def _id_of(path: Path) -> str:
    """A subject id made of a file's name."""
    stem = stem_of(path)
    if _contrast_of(path) != UNNAMED:
        stem = stem.rpartition("_")[0] or stem
    return re.sub(r"[^\w.-]", "_", stem).lstrip(".-") or "subject"
