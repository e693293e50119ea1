"""What the task of an experiment decides: the one place where a task is chosen."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from napari_unlearn.experiment.finding import Finding
from napari_unlearn.experiment.scans import Scans
from napari_unlearn.experiment.subjects import Subjects
from napari_unlearn.experiment.weight import Weight
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from napari_unlearn.experiment.experiment import Experiment
    from napari_unlearn.models.card import Card


class Kind(Protocol):
    """How an experiment of one task finds, checks and counts its data."""

    @property
    def architectures(self) -> tuple[str, ...]:
        """Networks that do the task."""

    @property
    def foreign(self) -> Mapping[str, str]:
        """Keys of the file that mean nothing for the task, with the reason."""

    @property
    def set_apart(self) -> tuple[str, ...]:
        """Test sets that are there for an attack alone: no run is measured on them."""

    @property
    def units(self) -> tuple[str, str]:
        """What a set consists of and what a step sees one of, such as scans and slices."""

    @property
    def lighter(self) -> str:
        """What takes less memory."""

    def task(self, *, unlearning: bool) -> Task:
        """The face that the loop and the strategies see."""

    def open(self, experiment: "Experiment", name: str) -> Any:
        """The set of that name, by the patterns of the file.

        Raises:
            UnlearnError: if a pattern finds nothing.
        """

    def only(self, samples: Any, patterns: Sequence[str]) -> Any:
        """The part of a set that some names or patterns of names mean.

        Raises:
            WrongUse: if one of them means nothing.
        """

    def first(self, samples: Any) -> Any:
        """A set of the first sample alone."""

    def look(self, experiment: "Experiment", seen: Any, index: int) -> Sample | None:
        """What is in view as a sample of the experiment; None if its network does not take it.

        Args:
            experiment: Whose network it is.
            seen: Path of a scan, or files of a subject.
            index: Slice of the scan.

        Raises:
            UnlearnError: if a file is unusable.
        """

    def count(self, samples: Any) -> int:
        """How many scans or subjects a set has."""

    def about(self, experiment: "Experiment", samples: Any) -> dict[str, Any]:
        """What a card says of the data beside what the loop adds."""

    def check(self, experiment: "Experiment", sets: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong with sets, as far as headers tell; done before every run."""

    def inspect(self, experiment: "Experiment", sets: Mapping[str, Any]) -> Iterator[Finding]:
        """What only a look into the files tells; done on request."""

    def weight(self, experiment: "Experiment", sets: Mapping[str, Any]) -> Weight:
        """What the network and a step on the largest sample take up."""

    def adopt(self, experiment: "Experiment", path: "Path") -> "tuple[nn.Module, Card] | None":
        """Foreign weights as a network of the experiment's; None for a checkpoint of ours.

        Raises:
            UnlearnError: if they do not fit.
        """


KINDS: dict[str, Kind] = {"reconstruction": Scans(), "segmentation": Subjects()}
