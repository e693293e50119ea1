"""What is known of a segmentation run, subject by subject, in memory and on disk."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import read_text
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.membership import Membership
from napari_unlearn.evaluation.overlap import StructureScore
from napari_unlearn.models.card import Card

QUANTITIES = ("dice", "dice_sound", "mae", "agreement")


@dataclass(frozen=True)
class SubjectScore:
    """One run on one subject."""

    set: str
    subject: str
    dice: float | None
    """Mean over the structures that the subject has; None if it has none."""
    dice_sound: float | None
    """Likewise, lesions left out: few subjects do not teach a network what lesions look like."""
    mae: float
    """Of the probabilities, mean over voxels and classes."""
    agreement: float | None
    """Share of voxels labelled as the oracle labels them, see `voxel_agreement`."""
    structures: tuple[StructureScore, ...]


@dataclass(frozen=True)
class SubjectResult:
    """One run on all subjects."""

    name: str
    card: Card
    subjects: tuple[SubjectScore, ...]
    membership: Membership | None = None
    """Forget subjects against subjects that no model was trained on."""

    def values(self, set_name: str, quantity: str) -> NDArray[np.float64]:
        """One quantity of all subjects of a set; empty if it was not measured."""
        values = [getattr(s, quantity) for s in self.subjects if s.set == set_name]
        return np.array([value for value in values if value is not None], dtype=np.float64)

    def mean(self, set_name: str, quantity: str) -> float | None:
        """Mean over the subjects of a set; None if it was not measured."""
        values = self.values(set_name, quantity)
        return float(values.mean()) if values.size else None

    def structures(self, set_name: str) -> dict[str, list[StructureScore]]:
        """Scores of a set's subjects by structure, in the order of the labels."""
        found = sorted(
            (score for own in self.subjects if own.set == set_name for score in own.structures),
            key=lambda score: score.label,
        )
        names = dict.fromkeys(score.name for score in found)
        return {name: [score for score in found if score.name == name] for name in names}

    @property
    def sets(self) -> list[str]:
        """Names of the sets, in order."""
        return list(dict.fromkeys(score.set for score in self.subjects))


def write_subjects(
    path: Path, name: str, results: Iterable[SubjectResult], command: str = ""
) -> None:
    """Values of every subject and structure, and averages, as JSON.

    Args:
        path: of the file.
        name: of the experiment.
        results: one per run.
        command: that makes these figures again.

    Raises:
        UnlearnError: if the file cannot be written.
    """
    runs: dict[str, dict[str, Any]] = {}
    for result in results:
        means = {
            set_name: {quantity: result.mean(set_name, quantity) for quantity in QUANTITIES}
            for set_name in result.sets
        }
        runs[result.name] = {
            "averages": means,
            "card": result.card.model_dump(),
            "subjects": [asdict(score) for score in result.subjects],
        }
        if result.membership is not None:
            attack = {"auc": result.membership.auc, **asdict(result.membership)}
            runs[result.name]["membership"] = attack
    about = {"experiment": name, "command": command, "runs": runs}
    write_whole(path, json.dumps(about, indent=1).encode())


def read_subjects(path: Path) -> list[SubjectResult]:
    """What `write_subjects` wrote.

    Raises:
        EvaluationError: if it is not such a file.
    """
    try:
        runs = json.loads(read_text(path))["runs"]
        return [
            SubjectResult(
                name,
                Card.model_validate(run["card"]),
                tuple(_score(score) for score in run["subjects"]),
                _membership(run.get("membership")),
            )
            for name, run in runs.items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(f"{path}: not a file of segmentation results.") from error


def find_run(results: Sequence[SubjectResult], name: str) -> SubjectResult | None:
    """The run of that name."""
    return next((result for result in results if result.name == name), None)


def _score(about: dict[str, Any]) -> SubjectScore:
    structures = tuple(StructureScore(**score) for score in about["structures"])
    return SubjectScore(**{**about, "structures": structures})


def _membership(about: dict[str, Any] | None) -> Membership | None:
    if about is None:
        return None
    pairs = tuple(tuple(row) for row in about["pairs"])
    return Membership(tuple(about["members"]), tuple(about["others"]), pairs)
