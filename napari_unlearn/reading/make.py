"""A reading study from images that lie in folders, or from what `compare` wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from napari_unlearn.io.dicom import is_dicom
from napari_unlearn.reading.definition import USUAL, Definition, Question, write_definition
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.images import PICTURES, VOLUMES
from napari_unlearn.reading.study import FILE, ReadingStudy
from napari_unlearn.settings_file import first_mistake

Found = Mapping[str, Mapping[str, Path]]
"""Images by case, then by arm."""

COMPARED = "comparison.json"
"""Marks a folder that `napari-unlearn compare` wrote."""

_RECONSTRUCTION = "_reconstruction"


def find_cases(folder: Path, *, by_arm: bool = False, arms: Sequence[str] = ()) -> Found:
    """The images below a folder: CASE/ARM.nii.gz, or ARM/CASE.nii.gz with `by_arm`.

    What `compare` wrote is recognised: its reconstructions are the arms, and the reference. An
    image is a file of a kind that `read_image` reads or a folder of DICOM files.

    Args:
        folder: Of folders, or one that `compare` wrote.
        by_arm: Its folders are arms, the images in them cases.
        arms: The only ones to take, in this order; empty takes all.

    Raises:
        ReadingError: if there is no case, fewer than two arms, or a case lacks an arm.
    """
    try:
        inside = [folder] if (folder / COMPARED).is_file() else _folders(folder)
        found = {each.name: _images(each) for each in inside}
    except OSError as error:
        raise ReadingError(f"{folder}: cannot be read ({error.strerror}).") from error
    found = {name: images for name, images in found.items() if images}
    if by_arm:
        found = _turned(found)
    if not found:
        raise ReadingError(
            f"{folder}: no images found; a folder per case with an image per arm is expected "
            "(CASE/ARM.nii.gz), or with --by-arm a folder per arm (ARM/CASE.nii.gz)."
        )
    everything = sorted({arm for images in found.values() for arm in images})
    chosen = list(arms) or everything
    unknown = next((arm for arm in chosen if arm not in everything), None)
    if unknown is not None:
        raise ReadingError(f"{folder}: no arm '{unknown}'; found: {', '.join(everything)}.")
    for case, images in found.items():
        missing = next((arm for arm in chosen if arm not in images), None)
        if missing is not None:
            raise ReadingError(
                f"{folder}: case '{case}' has no image of arm '{missing}' (it has "
                f"{', '.join(sorted(images))}); every case needs the same arms; name those to "
                "take with --arm, or use --by-arm if the folders are the arms."
            )
    return {case: {arm: images[arm] for arm in chosen} for case, images in sorted(found.items())}


def make_study(
    folder: Path,
    cases: Found,
    *,
    name: str = "",
    seed: int = 0,
    questions: Sequence[Question] = USUAL,
) -> ReadingStudy:
    """Write `reading.toml` into a folder; images stay where they are.

    Paths below the folder are written relative to it, so that the whole can be moved.

    Raises:
        WrongUse: if names, questions or arms will not do; nothing is written then.
        UnlearnError: if there is a study already, or it cannot be written.
    """
    path = folder / FILE
    table = {
        "name": name or folder.resolve().name,
        "seed": seed,
        "questions": [question.model_dump() for question in questions],
        "cases": [
            {"name": case, "arms": {arm: _place(file, folder) for arm, file in images.items()}}
            for case, images in cases.items()
        ],
    }
    try:
        definition = Definition.model_validate(table)
    except ValidationError as error:
        raise first_mistake(path, Definition.model_json_schema(), error) from error
    write_definition(path, definition)
    return ReadingStudy.load(path)


def asked(text: str) -> Question:
    """A question from "key=Text of the question", or with "|what 1 means|what 5 means" after it.

    Raises:
        ReadingError: if it is written otherwise.
    """
    key, _, rest = text.partition("=")
    words, _, ends = rest.partition("|")
    low, _, high = ends.partition("|")
    try:
        return Question(key=key.strip(), text=words.strip(), low=low.strip(), high=high.strip())
    except ValidationError as error:
        raise ReadingError(
            f"'{text}' is no question; accepted: key=Text, or key=Text|what 1 means|what 5 means, "
            "with a key of letters, digits, - and _."
        ) from error


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ReadingError(f"{folder}: no such folder.")
    inside = sorted(each for each in folder.iterdir() if each.is_dir())
    return [each for each in inside if not each.name.startswith(".")]


def _images(folder: Path) -> dict[str, Path]:
    compared = (folder / COMPARED).is_file()
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = _stem(path)
        if name is None or path.name.startswith("."):
            continue
        if compared and name != "reference" and not name.endswith(_RECONSTRUCTION):
            continue
        name = name.removesuffix(_RECONSTRUCTION) if compared else name
        if name in found:
            raise ReadingError(f"{folder}: '{found[name].name}' and '{path.name}' share a name.")
        found[name] = path
    return found


def _stem(path: Path) -> str | None:
    """What an image is called; None if it is none."""
    if path.is_dir():
        dicom = any(each.is_file() and is_dicom(each) for each in sorted(path.iterdir())[:20])
        return path.name if dicom else None
    suffixes = sorted((*PICTURES, *VOLUMES), key=len, reverse=True)
    lower = path.name.lower()
    suffix = next((each for each in suffixes if lower.endswith(each)), None)
    return None if suffix is None else path.name[: -len(suffix)] or None


def _turned(found: Found) -> dict[str, dict[str, Path]]:
    turned: dict[str, dict[str, Path]] = {}
    for arm, images in found.items():
        for case, path in images.items():
            turned.setdefault(case, {})[arm] = path
    return turned


def _place(path: Path, folder: Path) -> str:
    path, folder = path.resolve(), folder.resolve()
    # Forward slashes are understood everywhere.
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
