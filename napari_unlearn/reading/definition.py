"""What the file of a reading study may say: questions, cases, arms; all that must not change."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError
from napari_unlearn.reading.blinding import MOST_ARMS
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.names import telling
from napari_unlearn.settings_file import Line, Section, Text

SCORES = (1, 2, 3, 4, 5)
"""Answers to every question."""

Key = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        json_schema_extra={"accepted": "a word of letters, digits, - and _"},
    ),
]
Image = Annotated[Text, Field(json_schema_extra={"accepted": "the path of an image"})]


class Question(Section):
    """What is asked about every image."""

    key: Key
    """Stands in the journal."""
    text: Text
    low: Line = ""
    """What 1 means."""
    high: Line = ""
    """What 5 means."""


class Case(Section):
    """What is seen side by side."""

    name: Text
    arms: dict[Text, Image] = Field(min_length=2, max_length=MOST_ARMS)
    """An image of each arm, relative to the study's file; ~ is home."""


USUAL = (
    Question(key="quality", text="How good is the image?", low="not diagnostic", high="excellent"),
    Question(
        key="trust",
        text="Would you rely on its structures being real?",
        low="by no means",
        high="entirely",
    ),
)
"""Asked unless the study has its own questions; 5 is best in both."""


class Definition(Section):
    """All of the file."""

    name: Text
    """Shown to the readers."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of the letters and of the order of the cases."""
    idle_seconds: float = Field(60.0, ge=1, le=3600)
    """The longest time without a key or the mouse that still counts as looking [s]."""
    questions: list[Question] = Field(default_factory=lambda: list(USUAL), min_length=1)
    cases: list[Case] = Field(min_length=1)

    @field_validator("questions")
    @classmethod
    def _asked_once(cls, questions: list[Question]) -> list[Question]:
        if len({question.key for question in questions}) < len(questions):
            raise ValueError("questions each with a key of its own")
        return questions

    @field_validator("cases")
    @classmethod
    def _comparable_and_blind(cls, cases: list[Case], info: ValidationInfo) -> list[Case]:
        if len({case.name for case in cases}) < len(cases):
            raise ValueError("cases each with a name of its own")
        arms = set(cases[0].arms)
        odd = next((case.name for case in cases if set(case.arms) != arms), None)
        if odd is not None:
            raise ValueError(
                f"cases with the same arms as the first ({', '.join(sorted(arms))}), which "
                f"'{odd}' has not"
            )
        questions = info.data.get("questions", [])
        texts = [info.data.get("name", ""), *(case.name for case in cases)]
        texts += [text for each in questions for text in (each.key, each.text, each.low, each.high)]
        for arm in sorted(arms):
            told = telling(arm, texts)
            if told is not None:
                raise ValueError(
                    f"words that readers see without the name of an arm ('{told}' says '{arm}')"
                )
        return cases

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms, in the order of the first case."""
        return tuple(self.cases[0].arms)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with anything in the file but its layout."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return sha256(content.encode()).hexdigest()[:12]


def write_definition(path: Path, definition: Definition) -> None:
    """Write the file as TOML, to be edited before anybody reads.

    Raises:
        ReadingError: if a name cannot be written as text, or the file exists.
        UnlearnError: if it cannot be written.
    """
    if path.exists():
        raise ReadingError(f"{path}: exists already; choose another folder for a new study.")
    lines = [
        "# A blinded reading study. Whoever reads should not look in here: it says what is what.",
        "# Edit it before the first reader begins; afterwards every change is refused.",
        f"name = {_quoted(definition.name)}",
        f"seed = {definition.seed}",
        f"idle_seconds = {definition.idle_seconds!r}",
    ]
    for question in definition.questions:
        pairs = [f"{key} = {_quoted(value)}" for key, value in question if value]
        lines += ["", "[[questions]]", *pairs]
    for case in definition.cases:
        arms = ", ".join(f"{_quoted(arm)} = {_quoted(file)}" for arm, file in case.arms.items())
        lines += ["", "[[cases]]", f"name = {_quoted(case.name)}", f"arms = {{ {arms} }}"]
    try:
        text = ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError as error:
        odd = error.object[error.start : error.end]
        raise ReadingError(
            f"{path}: a file's name is no text ({odd!r}); rename it and try again."
        ) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnlearnError(f"{path.parent}: cannot be made ({error.strerror}).") from error
    write_whole(path, text)


def _quoted(text: str) -> str:
    # What JSON escapes, TOML escapes in the same way.
    return json.dumps(text, ensure_ascii=False)
