"""One TOML file = data + sampling + model + training + unlearning + tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import PrivateAttr, ValidationError

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment.finding import TRAINING, refuse
from napari_unlearn.experiment.kinds import KINDS, Kind
from napari_unlearn.experiment.mistakes import misfit
from napari_unlearn.experiment.settings import File, file_schema
from napari_unlearn.experiment.shelved_scan import Volumes
from napari_unlearn.experiment.starting_run import starting_run
from napari_unlearn.experiment.subject_sets import Shelf
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import parameters_of
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.settings_file import file_in, first_mistake, read_toml, wrong_value
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.parameters import Number
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy

FILE = "experiment.toml"
SCANS_STREAM = 21
"""Keeps the draw of scans apart from that of the retain set's share."""
TRAINED = Literal["original", "oracle"]
ORIGINAL = "original"
T = TypeVar("T")


class Experiment(File):
    """The whole file, where it lies, and the jobs it describes."""

    _path: Path = PrivateAttr(default=Path(FILE))
    _shelf: Shelf = PrivateAttr(default_factory=Shelf)
    _volumes: Volumes = PrivateAttr(default_factory=Volumes)

    @classmethod
    def load(cls, path: Path) -> "Experiment":
        """Read an experiment file, or the `experiment.toml` of a folder.

        Raises:
            WrongUse: naming the key, its value and what is accepted.
            UnlearnError: if there is no such file.
        """
        path = file_in(path, FILE)
        table = read_toml(path)
        try:
            experiment = cls.model_validate(table)
        except ValidationError as error:
            raise first_mistake(path, file_schema(table), error) from error
        experiment._path = path
        for key, value, accepted in misfit(experiment, experiment.kind, KINDS):
            raise wrong_value(path, key, value, accepted)
        return experiment

    def with_members(self, members: Mapping[str, Sequence[str]]) -> "Experiment":
        """The same experiment with other scans or subjects in its retain or forget set.

        Args:
            members: By "retain" or "forget", as they would stand in the file; all of them count.
        """
        if not members:
            return self
        fewer = {name: most for name, most in self.data.scans.items() if name not in members}
        update = {name: list(ids) for name, ids in members.items()} | {"scans": fewer}
        return self.model_copy(update={"data": self.data.model_copy(update=update)})

    @property
    def kind(self) -> Kind:
        """What the task decides."""
        return KINDS[self.task]

    @property
    def shelf(self) -> Shelf:
        """Volumes that all sets of this experiment share."""
        return self._shelf

    @property
    def volumes(self) -> Volumes:
        """Image volumes of simulated scans that all sets of this experiment share."""
        return self._volumes

    @property
    def path(self) -> Path:
        """The experiment file."""
        return self._path

    @property
    def folder(self) -> Path:
        """Where the experiment file lies."""
        return self._path.parent

    def run_folder(self, name: str) -> Path:
        """Where a role or strategy keeps its results."""
        return self.folder / "runs" / name

    @property
    def original(self) -> Path:
        """Checkpoint that every strategy starts from, there or not yet."""
        named = self.checkpoints.get(ORIGINAL)
        if named is not None:
            return self.place(f"checkpoints.{ORIGINAL}", named)
        return self.run_folder(ORIGINAL) / "checkpoint.safetensors"

    @property
    def runs(self) -> dict[str, Path]:
        """Checkpoints that exist, by role or strategy: original, oracle, then the others."""
        found = {
            path.parent.name: path for path in self.folder.glob("runs/*/checkpoint.safetensors")
        }
        for name, place in self.checkpoints.items():
            path = self.place(f"checkpoints.{name}", place)
            found |= {name: path} if path.is_file() else {}
        first = [name for name in ("original", "oracle") if name in found]
        return {name: found[name] for name in first + sorted(set(found) - set(first))}

    def expect(self, task: str, why: str) -> None:
        """Refuse work that only another task can do.

        Raises:
            WrongUse: naming the task, with the reason.
        """
        if self.task != task:
            raise wrong_value(self.path, "task", self.task, f"'{task}' alone, as {why}")

    def samples(self, name: str) -> Any:
        """The samples of "retain", "forget", "unseen" or a test set.

        Returns:
            A `SliceSet` of scans, or for a segmentation a `VolumeSet` of subjects.

        Raises:
            UnlearnError: if a pattern finds nothing, or a file is not what is expected.
        """
        return self.kind.open(self, name)

    @property
    def set_names(self) -> tuple[str, ...]:
        """retain, forget, unseen if there is one, and the test sets."""
        return (*TRAINING, *(("unseen",) if self.data.unseen else ()), *self.data.tests)

    @property
    def watched(self) -> tuple[str, ...]:
        """The test sets that runs are measured on while they learn."""
        return tuple(name for name in self.data.tests if name not in self.kind.set_apart)

    def patterns(self, name: str) -> tuple[str, list[str]]:
        """The key of a set in the file, and what stands there.

        Raises:
            UnlearnError: if there is no such set.
        """
        if name not in self.set_names:
            raise UnlearnError(f"There is no set '{name}'; accepted: {', '.join(self.set_names)}.")
        if name in self.data.tests:
            return f"data.tests.{name}", self.data.tests[name]
        return f"data.{name}", getattr(self.data, name)

    def drawn(self, name: str, found: Sequence[T]) -> list[T]:
        """At most as many of a set as the file says, drawn with the seed, in their order."""
        most = self.data.scans.get(name, len(found))
        order = np.random.default_rng((self.seed, SCANS_STREAM)).permutation(len(found))[:most]
        return [found[place] for place in sorted(order)]

    @property
    def root(self) -> Path:
        """What files, folders and patterns are relative to, or where subjects lie.

        Raises:
            WrongUse: as `place`.
        """
        return self.place("data.root", self.data.root)

    def place(self, key: str, name: str, base: Path | None = None) -> Path:
        """Where a path of the file leads: ~ is home, relative to `base` (the file's folder).

        Raises:
            WrongUse: if there is no such home.
        """
        try:
            return (base or self.folder) / Path(name).expanduser()
        except RuntimeError as error:
            accepted = "~ for your own home, or a path without it"
            raise wrong_value(self.path, key, name, accepted) from error

    def sets(self) -> dict[str, Any]:
        """The sets by name: retain, forget, unseen if there is one, tests.

        Raises:
            UnlearnError: if a pattern finds nothing, or a file is not what is expected.
        """
        return {name: self.samples(name) for name in self.set_names}

    def _checked_sets(self) -> dict[str, Any]:
        """The sets, unless work on them would be wasted."""
        sets = self.sets()
        try:
            refuse(self.kind.check(self, sets))
        except UnlearnError as error:
            raise UnlearnError(f"{self.path}: {error}") from error
        return sets

    @property
    def parent(self) -> Path | None:
        """Checkpoint that original and oracle start from; None for random weights.

        Raises:
            WrongUse: if it is not there.
        """
        if not self.training.parent:
            return None
        found = self.place("training.parent", self.training.parent)
        if not _is_file(found):
            accepted = f'a checkpoint that exists (there is none at {found}), or ""'
            raise wrong_value(self.path, "training.parent", self.training.parent, accepted)
        return found

    @property
    def mask_rule(self) -> Sampling:
        """The sampling of training and tests."""
        return Sampling(
            self.sampling.kind, self.sampling.acceleration, self.sampling.center_fraction
        )

    @property
    def network(self) -> dict[str, Any]:
        """Every keyword argument of the network, defaults included."""
        defaults = parameters_of(self.model.architecture)
        return {name: default for name, (_, default) in defaults.items()} | self.model.parameters

    def card(self, role: str, title: str, **about: Any) -> Card:
        """The card of a checkpoint that this experiment will make."""
        return Card(
            architecture=self.model.architecture,
            parameters=dict(self.model.parameters),
            role=role,
            title=title,
            **about,
        )

    def training_job(self, role: TRAINED, device: str = "auto", epochs: int | None = None) -> Job:
        """The original learns retain and forget set, the oracle the retain set alone.

        Foreign weights to start from become a checkpoint of ours first, `runs/<name>.safetensors`.

        Raises:
            UnlearnError: if the sets or the parent would waste the work.
        """
        parent = self.parent
        return replace(self._training(role, device, epochs), parent=self._adopted(parent))

    def trial_job(self, device: str = "auto") -> Job:
        """The oracle's training from random weights, to try a step of it; nothing is written.

        Raises:
            UnlearnError: if the sets would waste the work.
        """
        return self._training("oracle", device, None)

    def _training(self, role: TRAINED, device: str, epochs: int | None) -> Job:
        sets = self._checked_sets()
        retain, forget = sets["retain"], sets["forget"]
        learnt = self.kind.count(forget) if role == ORIGINAL else 0
        about = self.kind.about(self, retain)
        card = self.card(
            role,
            role.capitalize(),
            retain_scans=self.kind.count(retain),
            forget_scans=learnt,
            **about,
        )
        strategy = TRAIN.with_parameters({"decay": self.training.decay})
        return Job(
            strategy=strategy,
            card=card,
            folder=self.run_folder(role),
            retain=retain + forget if role == ORIGINAL else retain,
            task=self.kind.task(unlearning=False),
            epochs=epochs or self.training.epochs,
            steps=self.equal_steps(len(retain) + len(forget), epochs),
            learning_rate=self.training.learning_rate,
            gradient_clip=self.training.gradient_clip,
            batch_size=self.training.batch_size,
            seed=self.seed,
            device=device,
            precision=self.training.precision,
            tests={name: sets[name] for name in self.watched},
            test_every=self.training.test_every,
        )

    def equal_steps(self, samples: int, epochs: int | None = None) -> int | None:
        """Steps of original and oracle if both take as many; `samples` are the original's."""
        if not self.training.equal_steps:
            return None
        return (epochs or self.training.epochs) * -(-samples // self.training.batch_size)

    def _adopted(self, parent: Path | None) -> Path | None:
        """The parent as a checkpoint of ours."""
        found = None if parent is None else self.kind.adopt(self, parent)
        if parent is None or found is None:
            return parent
        path = self.folder / "runs" / f"{parent.stem}.safetensors"
        save_checkpoint(path, *found)
        return path

    def unlearning_job(
        self,
        strategy_name: str,
        values: Mapping[str, Number] | None = None,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        retain_fraction: float | None = None,
        device: str = "auto",
        run_name: str | None = None,
        guard: Guard | None = None,
        forget: Sequence[str] = (),
        parent: str = ORIGINAL,
    ) -> Job:
        """Change a model with a strategy, all of the forget set, a share of the retain set.

        Args:
            strategy_name: Of the registry.
            values: Parameters of the strategy other than its defaults.
            epochs: None takes the experiment's.
            steps: Overrules epochs.
            retain_fraction: None takes the experiment's.
            device: As `resolve_device` takes it.
            run_name: Folder under runs/; None takes the strategy's name.
            guard: None takes the experiment's limit, if it has one.
            forget: Names of scans or ids of subjects, or patterns of them: the part of the forget
                set that this request is about; none takes all. The rest is not learnt from.
            parent: The run to start from; one that unlearnt other requests continues a chain.

        Raises:
            UnlearnError: if there is no such run yet, or the strategy, a value or a name is
                unknown.
        """
        strategy = find_strategy(strategy_name, self.task).with_parameters(values or {})
        start = starting_run(self.folder, self.runs, self.original, parent, run_name, bool(forget))
        fraction = self.unlearning.retain_fraction if retain_fraction is None else retain_fraction
        fraction = 1.0 if strategy.whole_retain_set else fraction
        sets = self._checked_sets()
        retain, chosen = sets["retain"].subset(fraction, self.seed), sets["forget"]
        if forget:
            chosen = self.kind.only(chosen, forget)
        card = self.card(
            "unlearned",
            f"Unlearned · {strategy.title}",
            retain_scans=self.kind.count(retain),
            forget_scans=self.kind.count(chosen),
            **self.kind.about(self, retain),
        )
        limit = self.unlearning.guard
        budget = steps if steps is not None else (None if epochs else self.unlearning.steps)
        return Job(
            strategy=strategy,
            card=card,
            folder=self.run_folder(run_name or strategy.name),
            retain=retain,
            forget=chosen,
            parent=start,
            task=self.kind.task(unlearning=True),
            epochs=epochs or self.unlearning.epochs,
            steps=budget,
            learning_rate=self.unlearning.learning_rate,
            gradient_clip=self.training.gradient_clip,
            batch_size=self.unlearning.batch_size,
            seed=self.seed,
            device=device,
            precision=self.training.precision,
            # A run does not depend on what it does not read.
            unseen=sets.get("unseen") if "unseen" in strategy.reads else None,
            tests={name: sets[name] for name in self.watched},
            test_every=self.unlearning.test_every,
            guard=guard or (None if limit is None else Guard(limit)),
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
