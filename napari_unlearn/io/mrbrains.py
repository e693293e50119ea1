"""MRBrainS18 in its two layouts: as the challenge gives it, and as MedicalNet wants it."""

import os
from pathlib import Path

from napari_unlearn.bounded import read_text
from napari_unlearn.io.errors import ReadError, looking_at
from napari_unlearn.io.hdf5 import check_readable
from napari_unlearn.io.nifti import stem_of
from napari_unlearn.io.subject_files import SubjectFiles, by_subject
from napari_unlearn.mri.subject3d import CONTRASTS

_CHALLENGE = {"T1": "reg_T1", "T1-IR": "reg_IR", "FLAIR": "FLAIR"}
_LONGEST_LIST = 2**20
"""More bytes than any list of subjects has."""


def challenge_subjects(
    folder: str | os.PathLike[str], *, labelled: bool = True
) -> tuple[SubjectFiles, ...]:
    """Subjects `<id>/pre/{FLAIR,reg_T1,reg_IR}.nii.gz` with `<id>/segm.nii.gz`, sorted by id.

    Without `labelled`, a subject may lack its labels.

    Raises:
        ReadError: if there is no subject, or one lacks a file.
    """
    folder = Path(folder)
    with looking_at(folder):
        people = [path.parent for path in sorted(folder.glob("*/pre")) if path.is_dir()]
    if not people:
        raise ReadError(
            f"{folder}: no subject found; MRBrainS18 has <id>/pre/reg_T1.nii.gz and so on."
        )
    return by_subject(challenge_subject(person, labelled=labelled) for person in people)


def challenge_subject(folder: str | os.PathLike[str], *, labelled: bool = True) -> SubjectFiles:
    """The subject of one such folder; the id is the folder's name.

    Raises:
        ReadError: if it lacks a file.
    """
    person = Path(folder).absolute()
    images = []
    for channel in CONTRASTS:
        with looking_at(person / "pre"):
            path = _zipped_or_not(person / "pre" / _CHALLENGE[channel])
        if path is None:
            missing = person / "pre" / f"{_CHALLENGE[channel]}.nii.gz"
            raise ReadError(f"{missing}: subject {person.name} lacks its {channel} image.")
        images.append((channel, path))
    labels = _zipped_or_not(person / "segm")
    if labels is None and labelled:
        raise ReadError(f"{person / 'segm.nii.gz'}: subject {person.name} lacks its labels.")
    return SubjectFiles(person.name, tuple(images), labels)


def listed_subjects(
    list_file: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    channel: str = "T1",
    labelled: bool = True,
) -> tuple[SubjectFiles, ...]:
    """Subjects of a MedicalNet list: lines `image label`, relative to `root`, sorted by id.

    The id is the image's file name; `root` is by default the list's folder. Without
    `labelled`, lines may name an image alone. Empty lines are skipped.

    Raises:
        ReadError: naming the line, if the list or a file that it names cannot be used.
    """
    path = Path(list_file)
    check_readable(path, "a list of 'image label' lines")
    if path.stat().st_size > _LONGEST_LIST:
        raise ReadError(f"{path}: too long for a list of subjects.")
    try:
        lines = read_text(path, _LONGEST_LIST).splitlines()
    except UnicodeDecodeError:
        raise ReadError(f"{path}: not a text; lines 'image label' are expected.") from None
    base = path.parent if root is None else Path(root)
    found = []
    for number, line in enumerate(lines, start=1):
        names = line.split()
        if not names:
            continue
        if len(names) > 2 or (labelled and len(names) == 1):
            raise ReadError(
                f"{path}: line {number} has {len(names)} names; 'image label' is expected."
            )
        for name in names:
            if not (base / name).is_file():
                raise ReadError(f"{path}: line {number} names {name}; no such file in {base}.")
        image = base / names[0]
        labels = base / names[1] if len(names) == 2 else None
        subject = stem_of(image)
        found.append(SubjectFiles(subject, ((channel, image),), labels))
    if not found:
        raise ReadError(f"{path}: names no subject; lines 'image label' are expected.")
    return by_subject(found)


def _zipped_or_not(stem: Path) -> Path | None:
    candidates = (stem.with_name(f"{stem.name}{ending}") for ending in (".nii.gz", ".nii"))
    return next((path for path in candidates if path.is_file()), None)
