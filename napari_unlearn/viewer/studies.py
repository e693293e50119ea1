"""What the Unlearn dock shows of an experiment, read without Qt; torch only where it runs."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.comparison import Role
from napari_unlearn.unlearning.parameters import Parameter
from napari_unlearn.viewer.pace import Pace, metrics_of, pace_of
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    from napari_unlearn.experiment import Experiment
    from napari_unlearn.io.subject_files import SubjectFiles
    from napari_unlearn.unlearning.batch import SliceSet
    from napari_unlearn.unlearning.strategy import Strategy
    from napari_unlearn.unlearning.volumes import VolumeSet

THUMBNAILS = 5
"""Scans of a set that are looked into."""


@dataclass(frozen=True)
class StrategyCard:
    """A strategy as words and numbers: what a form needs, and no torch."""

    name: str
    title: str
    formula: str
    paper: str
    remark: str
    parameters: tuple[Parameter, ...]
    steps_on: tuple[str, ...]
    """The sets whose slices the steps see, of "forget" and "retain"; empty if it only edits."""
    slices_per_step: float
    """Slices that an average step sees, at default parameters."""
    prepares: bool
    """Whether masks or edits come before the first step."""
    whole_retain_set: bool
    tasks: tuple[str, ...] = ("reconstruction",)


@dataclass(frozen=True, eq=False)
class ScanSetView:
    """A set at a glance."""

    name: str
    scans: int
    slices: int
    thumbnails: tuple[NDArray[np.float32], ...]
    """Middle slices of a few scans, (rows, columns), 0 to 1."""
    captions: tuple[str, ...]
    """What the scans of the thumbnails are called; of a segmentation the ids of all subjects."""


@dataclass(frozen=True, eq=False)
class Study:
    """An experiment at a glance."""

    path: Path
    """Its file."""
    name: str
    forget: ScanSetView
    retain: ScanSetView
    steps: int | None
    epochs: int
    retain_fraction: float
    figures: Mapping[str, Mapping[str, float]]
    """Metrics of original and oracle, by role; a role without a finished run is missing."""
    checkpoints: Mapping[str, Path]
    """Finished runs."""
    pace: Pace
    scan: Path | None = None
    """A held-out scan to watch: of the forget set's kind if there is one."""
    task: str = "reconstruction"
    people: "tuple[SubjectFiles, ...]" = ()
    """Of a segmentation those to forget, then those to retain."""
    shape: tuple[int, int, int] | None = None
    """Grid of a segmentation network; None leaves subjects on their own."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Slices of the training scans by absolute path; empty for a segmentation."""
    batch_size: int = 1
    """Samples of each set in a step of unlearning."""

    @property
    def trained(self) -> tuple[Model, ...]:
        """Original and oracle, as far as they are there."""
        roles: tuple[Role, ...] = ("original", "oracle")
        return tuple(
            Model(role.capitalize(), role, self.checkpoints[role])
            for role in roles
            if role in self.checkpoints
        )

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids of those whom the original has learnt, of a segmentation."""
        return tuple(sorted((*self.retain.captions, *self.forget.captions)))

    def regrouped(self, members: Mapping[str, tuple[str, ...]]) -> "Study":
        """With as many scans or subjects in its sets as an order has that regroups them."""
        if not members:
            return self
        retain, forget = (
            replace(
                view,
                scans=len(members[view.name]),
                slices=sum(self.sizes.get(each, 1) for each in members[view.name]),
            )
            for view in (self.retain, self.forget)
        )
        return replace(self, retain=retain, forget=forget)

    def steps_per_epoch(self, strategy: StrategyCard, retain_fraction: float) -> int:
        """One pass over the larger of the sets in use, as `Job.steps_per_epoch`."""
        fraction = 1.0 if strategy.whole_retain_set else retain_fraction
        sizes = {
            "forget": self.forget.slices,
            "retain": max(1, round(fraction * self.retain.slices)),
        }
        return -(-max((sizes[name] for name in strategy.steps_on), default=1) // self.batch_size)


@dataclass(frozen=True)
class Drawn:
    """A scan of the sample experiment is written."""

    done: int
    total: int


def listing_strategies(cancel: CancelToken) -> Iterator[tuple[StrategyCard, ...]]:
    """Describe every strategy that the form can start."""
    from napari_unlearn.unlearning.strategies import STRATEGIES

    cancel.check()
    yield tuple(_card(strategy) for strategy in STRATEGIES.values())


def reading(path: Path, cancel: CancelToken) -> Iterator[Study]:
    """Read an experiment file, count its sets and look into a few scans.

    Raises:
        UnlearnError: if the file is wrong, or a set cannot be opened.
    """
    from napari_unlearn.experiment import Experiment

    experiment = Experiment.load(path)
    about = _ABOUT[experiment.task](experiment, cancel)
    unlearning = experiment.unlearning
    yield Study(
        path=path / "experiment.toml" if path.is_dir() else path,
        name=experiment.name,
        steps=unlearning.steps,
        epochs=unlearning.epochs,
        retain_fraction=unlearning.retain_fraction,
        batch_size=unlearning.batch_size,
        figures=_figures(experiment),
        checkpoints=experiment.runs,
        pace=pace_of(experiment, cancel),
        task=experiment.task,
        **about,
    )


@dataclass(frozen=True)
class SampleExperiment:
    """An experiment that is simulated on the spot around the sample checkpoints."""

    title: str
    protocol: str
    models: str
    """Folder of its checkpoints in the sample data."""
    folder: str
    """Where it goes in the user's cache."""
    scale: float
    """Share of the protocol's subjects."""
    also_measured: tuple[str, ...] = ()
    """Sets beside the tests on which original and oracle are measured."""


SAMPLE_EXPERIMENTS = {
    "site": SampleExperiment(
        "the sample experiment",
        "contaminated-site",
        "contaminated-site",
        "sample-experiment",
        1 / 6,
    ),
    "heads": SampleExperiment("the sample heads", "heads", "heads", "sample-heads", 1, ("forget",)),
}


def reading_the_sample(
    folder: Path, models: Path, key: str, cancel: CancelToken, scale: float | None = None
) -> Iterator[Drawn | Study]:
    """Simulate a sample experiment, unless it is there, and read it.

    Args:
        folder: Receives it.
        models: Holds its checkpoints.
        key: Of `SAMPLE_EXPERIMENTS`.
        cancel: Looked at between two subjects.
        scale: Share of the protocol's subjects; None takes the sample's.
    """
    from napari_unlearn.simulation import protocol_size, sample_experiment

    sample = SAMPLE_EXPERIMENTS[key]
    scale = scale or sample.scale
    total = protocol_size(sample.protocol, scale)
    made = sample_experiment(folder, models, scale, sample.protocol, sample.also_measured)
    for done, _ in enumerate(made, start=1):
        cancel.check()
        yield Drawn(min(done, total), total)
    yield from reading(folder, cancel)


def _card(strategy: "Strategy") -> StrategyCard:
    parts = {"forget": strategy.forget, "retain": strategy.retain}
    weights = [strategy.schedule.at(step, 100) for step in range(100)]
    seen = [
        sum(part is not None and getattr(each, name) != 0 for name, part in parts.items())
        for each in weights
    ]
    return StrategyCard(
        name=strategy.name,
        title=strategy.title,
        formula=strategy.formula,
        paper=strategy.paper,
        remark=strategy.remark,
        parameters=strategy.parameters,
        steps_on=tuple(name for name, part in parts.items() if part is not None),
        slices_per_step=sum(seen) / len(seen),
        prepares=strategy.prepares,
        whole_retain_set=strategy.whole_retain_set,
        tasks=tuple(strategy.tasks),
    )


def _about_scans(experiment: "Experiment", cancel: CancelToken) -> dict[str, Any]:
    """What a study tells of scans."""
    sets = {name: experiment.samples(name) for name in ("forget", "retain")}
    views = {name: _scans_at_a_glance(name, samples, cancel) for name, samples in sets.items()}
    headers = [scan.header for samples in sets.values() for scan in samples.scans]
    sizes = {os.path.abspath(header.source): header.slices for header in headers}
    return {**views, "scan": _scan_to_watch(experiment), "sizes": sizes}


def _about_subjects(experiment: "Experiment", cancel: CancelToken) -> dict[str, Any]:
    """What a study tells of subjects."""
    sets = {name: experiment.samples(name) for name in ("forget", "retain")}
    views = {name: _subjects_at_a_glance(name, samples, cancel) for name, samples in sets.items()}
    people = tuple(subject.files for samples in sets.values() for subject in samples.subjects)
    return {**views, "people": people, "shape": tuple(experiment.preprocessing.shape) or None}


def _scans_at_a_glance(name: str, samples: "SliceSet", cancel: CancelToken) -> ScanSetView:
    count = len(samples.scans)
    places = sorted({round(place) for place in np.linspace(0, count - 1, min(count, THUMBNAILS))})
    images, captions = [], []
    for place in places:
        cancel.check()
        scan = samples.scans[place]
        target = scan.target(scan.header.slices // 2)
        if target is not None:
            images.append(at_a_glance(target))
            captions.append(scan.header.name)
    return ScanSetView(name, count, len(samples), tuple(images), tuple(captions))


def at_a_glance(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """A reference image from 0 to 1, (rows, columns)."""
    top = float(np.percentile(target, 99.8)) or 1.0
    return np.clip(target / top, 0, 1).astype(np.float32)


def _subjects_at_a_glance(name: str, samples: "VolumeSet", cancel: CancelToken) -> ScanSetView:
    images, captions = [], []
    for subject in samples.subjects:
        cancel.check()
        image = subject.images[0]
        middle = image[len(image) // 2]
        low, high = np.percentile(middle, (0.5, 99.8))
        images.append(np.clip((middle - low) / ((high - low) or 1.0), 0, 1).astype(np.float32))
        captions.append(subject.subject)
    return ScanSetView(name, len(samples), len(samples), tuple(images), tuple(captions))


def _figures(experiment: "Experiment") -> dict[str, dict[str, float]]:
    found = {role: metrics_of(experiment.run_folder(role)) for role in ("original", "oracle")}
    return {role: metrics for role, metrics in found.items() if metrics}


def _scan_to_watch(experiment: "Experiment") -> Path | None:
    tests = experiment.data.tests
    held_out = [name for name in tests if not name.startswith("retain")]
    name = "forget_test" if "forget_test" in tests else next(iter([*held_out, *tests]), None)
    if name is None:
        return None
    scans = experiment.samples(name).scans
    return Path(scans[0].header.source) if scans else None


_ABOUT: dict[str, "Callable[[Experiment, CancelToken], dict[str, Any]]"] = {
    "reconstruction": _about_scans,
    "segmentation": _about_subjects,
}
