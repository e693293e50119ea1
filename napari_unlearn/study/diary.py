"""What a study is about and how long its stages took, over all its sittings."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError
from napari_unlearn.phantoms.protocols import BRAIN_KNEE

STUDY = "study.json"
FIRST = BRAIN_KNEE.name
"""The protocol of diaries that name none: they are older than the others."""


@dataclass
class Diary:
    """What data a study is about and how long its stages took, over all sittings.

    Seeds, strategies and fractions may change from sitting to sitting: runs know themselves
    whether they are whole.
    """

    path: Path
    plan: dict[str, object]
    seconds: dict[str, float]
    sittings: int

    @classmethod
    def open(
        cls,
        folder: Path,
        protocol: str,
        scale: float,
        changes: Mapping[str, Mapping[str, object]],
    ) -> "Diary":
        """Begin, or go on.

        Raises:
            UnlearnError: if the folder holds a study of other data, or something else.
        """
        path = folder / STUDY
        wanted = {"protocol": protocol, "scale": scale, "changes": json.loads(json.dumps(changes))}
        if not path.exists():
            if folder.is_file() or (folder.exists() and any(folder.iterdir())):
                raise UnlearnError(f"{folder}: holds something else; name a new folder.")
            folder.mkdir(parents=True, exist_ok=True)
            diary = cls(path, wanted, {}, 1)
            diary._write()
            return diary
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            plan = {"protocol": FIRST, **about["plan"]}
            diary = cls(path, plan, about["seconds"], about["sittings"] + 1)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnlearnError(f"{path}: damaged; name a new folder for the study.") from error
        if diary.plan != wanted:
            raise UnlearnError(
                f"{folder}: holds a study of {diary.plan['protocol']} at scale "
                f"{diary.plan.get('scale')} whose data this one cannot share; take that protocol "
                "and scale or name a new folder."
            )
        diary._write()
        return diary

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage's seconds."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = self.seconds.get(stage, 0.0) + time.monotonic() - began
            self.seconds[stage] = round(spent, 1)
            self._write()

    def _write(self) -> None:
        about = {"plan": self.plan, "seconds": self.seconds, "sittings": self.sittings}
        write_whole(self.path, (json.dumps(about, indent=1) + "\n").encode())
