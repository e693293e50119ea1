"""Subjects of a segmentation study in any accepted layout."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from napari_unlearn.io.errors import ReadError, looking_at
from napari_unlearn.io.label_volume import MRBRAINS_VALUES
from napari_unlearn.io.mrbrains import challenge_subjects, listed_subjects
from napari_unlearn.io.subject_files import SubjectFiles, by_subject
from napari_unlearn.mri.subject3d import CONTRASTS

_MARK = "{subject}"
LABELS = f"labels/{_MARK}.nii.gz"
"""Where labels lie unless a pattern says otherwise."""


def find_subjects(
    path: str | os.PathLike[str],
    images: Mapping[str, str] | None = None,
    labels: str = LABELS,
    *,
    labelled: bool = True,
    allowed: tuple[int, ...] | None = MRBRAINS_VALUES,
) -> tuple[SubjectFiles, ...]:
    """Find subjects without reading their numbers, sorted by id.

    Accepted are MRBrainS18 as downloaded, a MedicalNet list file, a folder with
    `images/<id>_<channel>.nii.gz` (T1, T1-IR, FLAIR) or `images/<id>.nii.gz` beside
    `labels/<id>.nii.gz`, and any folder whose layout `images` and `labels` describe.

    Args:
        path: Folder, or list file.
        images: Pattern of each channel's files, e.g. {"T1": "images/{subject}_T1.nii.gz"}.
        labels: Pattern of the label maps' files.
        labelled: Whether every subject must have labels.
        allowed: Values that label maps may hold; None accepts 0 to 255.

    Raises:
        ReadError: if there is no subject, one lacks a file, or a pattern makes no sense.
    """
    path = Path(path)
    with looking_at(path):
        found = _find(path, images, labels, labelled)
    return tuple(replace(files, allowed=allowed) for files in found)


def _find(
    path: Path, images: Mapping[str, str] | None, labels: str, labelled: bool
) -> tuple[SubjectFiles, ...]:
    if path.is_file():
        return listed_subjects(path, labelled=labelled)
    if not path.is_dir():
        raise ReadError(f"{path}: no such file or folder; a folder of subjects is expected.")
    if images is None and any(path.glob("*/pre")):
        return challenge_subjects(path, labelled=labelled)
    return _by_pattern(path, images or _usual_patterns(path), labels, labelled)


def _by_pattern(
    folder: Path, images: Mapping[str, str], labels: str, labelled: bool
) -> tuple[SubjectFiles, ...]:
    channels = {channel: _matches(folder, pattern) for channel, pattern in images.items()}
    drawn = _matches(folder, labels)
    people = sorted(set().union(*channels.values()))
    if not people:
        raise ReadError(
            f"{folder}: no image matches {' or '.join(images.values())}; {_MARK} stands for the "
            "subject's id."
        )
    for subject in people:
        for channel, files in channels.items():
            if subject not in files:
                missing = folder / images[channel].replace(_MARK, subject)
                raise ReadError(f"{missing}: subject {subject} lacks its {channel} image.")
        if labelled and subject not in drawn:
            missing = folder / labels.replace(_MARK, subject)
            raise ReadError(f"{missing}: subject {subject} lacks its labels.")
    for subject in sorted(drawn.keys() - set(people)):
        raise ReadError(f"{drawn[subject]}: labels of subject {subject}, who has no image.")
    return by_subject(
        SubjectFiles(
            subject,
            tuple((channel, files[subject]) for channel, files in channels.items()),
            drawn.get(subject),
        )
        for subject in people
    )


def _matches(folder: Path, pattern: str) -> dict[str, Path]:
    """Files below the folder that fit a pattern, by subject."""
    if _MARK not in pattern or Path(pattern).is_absolute():
        raise ReadError(
            f"'{pattern}' is no pattern; one relative to the folder with {_MARK} in it is "
            f"expected, e.g. {LABELS}."
        )
    first, *others = map(re.escape, pattern.split(_MARK))
    # Every further mark must stand for the same id as the first one.
    expression = re.compile(rf"{first}(\w[\w.-]*)" + r"\1".join(others))
    wildcard = "*".join(re.sub(r"([*?[])", r"[\1]", part) for part in pattern.split(_MARK))
    found = {}
    for path in sorted(folder.glob(wildcard)):
        match = expression.fullmatch(path.relative_to(folder).as_posix())
        if match and path.is_file():
            found[match[1]] = path
    return found


def _usual_patterns(folder: Path) -> dict[str, str]:
    patterns = {channel: f"images/{_MARK}_{channel}.nii.gz" for channel in CONTRASTS}
    present = {name: pattern for name, pattern in patterns.items() if _matches(folder, pattern)}
    return present or {"image": f"images/{_MARK}.nii.gz"}
