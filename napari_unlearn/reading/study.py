"""A reading study on disk: its file, its images, what its readers wrote, its reveal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from napari_unlearn.reading.blinding import arm_order, letters
from napari_unlearn.reading.definition import Definition
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.names import file_stem
from napari_unlearn.settings_file import file_in, first_mistake, read_toml

FILE = "reading.toml"


@dataclass(frozen=True)
class ReadingStudy:
    """A definition and where it lies."""

    path: Path
    definition: Definition
    fingerprint: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a study's file, or the `reading.toml` of a folder.

        Raises:
            WrongUse: naming the key, its value and what is accepted.
            UnlearnError: if there is no such file.
        """
        path = file_in(path, FILE)
        table = read_toml(path)
        try:
            definition = Definition.model_validate(table)
        except ValidationError as error:
            raise first_mistake(path, Definition.model_json_schema(), error) from error
        return cls(path, definition, definition.fingerprint)

    @property
    def folder(self) -> Path:
        """Where the study's file lies."""
        return self.path.parent

    @property
    def journals(self) -> list[Path]:
        """What readers wrote, a file each."""
        return sorted((self.folder / "readers").glob("reader-*.csv"))

    def journal(self, reader: str) -> Path:
        """Where a reader's judgements are."""
        return self.folder / "readers" / f"{file_stem(reader)}.csv"

    @property
    def reveal_folder(self) -> Path:
        """What was found, with the names of the arms."""
        return self.folder / "revealed"

    @property
    def revealed(self) -> bool:
        """Whether the arms were named, so that nobody reads blind any more."""
        return (self.reveal_folder / "judgements.csv").exists()

    @property
    def labels(self) -> tuple[str, ...]:
        """The letters that hide the arms."""
        return letters(len(self.definition.arms))

    def arms(self, reader: str, case: str) -> tuple[str, ...]:
        """The arms of a case in the order of their letters, for one reader."""
        return arm_order(self.definition.seed, reader, case, self.definition.arms)

    def image(self, case: str, arm: str) -> Path:
        """The file of one image.

        Raises:
            ReadingError: if its ~ leads to no home.
        """
        named = next(each for each in self.definition.cases if each.name == case)
        try:
            return self.folder / Path(named.arms[arm]).expanduser()
        except RuntimeError as error:
            raise ReadingError(f"{self.path}: '{named.arms[arm]}' has no such home.") from error
