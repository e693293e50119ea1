"""One TOML file = data + sampling + model + training + unlearning + tests."""

from collections.abc import Mapping
from glob import escape
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import PrivateAttr, ValidationError

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.experiment.data_check import TRAINING, check_sets, refuse
from napari_unlearn.experiment.mistakes import first_mistake, read_toml, shown, wrong_value
from napari_unlearn.experiment.settings import File
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.open import find_scans, open_scan
from napari_unlearn.models.card import Card
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.parameters import Number
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy

FILE = "experiment.toml"
SCANS_STREAM = 21
"""Keeps the draw of scans apart from that of the retain set's share."""
TRAINED = Literal["original", "oracle"]


class Experiment(File):
    """The whole file, where it lies, and the jobs it describes."""

    _path: Path = PrivateAttr(default=Path(FILE))

    @classmethod
    def load(cls, path: Path) -> "Experiment":
        """Read an experiment file, or the `experiment.toml` of a folder.

        Raises:
            WrongUse: naming the key, its value and what is accepted.
            UnlearnError: if there is no such file.
        """
        try:
            path = path / FILE if path.is_dir() else path
        except OSError as error:
            raise UnlearnError(f"{path}: cannot be read ({error.strerror}).") from error
        table = read_toml(path)
        try:
            experiment = cls.model_validate(table)
        except ValidationError as error:
            raise first_mistake(path, table, error) from error
        experiment._path = path
        return experiment

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
        return self.run_folder("original") / "checkpoint.safetensors"

    @property
    def runs(self) -> dict[str, Path]:
        """Checkpoints that exist, by role or strategy: original, oracle, then the others."""
        found = {
            path.parent.name: path for path in self.folder.glob("runs/*/checkpoint.safetensors")
        }
        first = [name for name in ("original", "oracle") if name in found]
        return {name: found[name] for name in first + sorted(set(found) - set(first))}

    def samples(self, name: str) -> SliceSet:
        """The slices of "retain", "forget" or a test set.

        Raises:
            UnlearnError: if a pattern finds nothing, or a file is not a scan.
        """
        patterns = {"retain": self.data.retain, "forget": self.data.forget, **self.data.tests}
        if name not in patterns:
            raise UnlearnError(f"There is no set '{name}'; accepted: {', '.join(patterns)}.")
        key = f"data.{name}" if name in TRAINING else f"data.tests.{name}"
        paths = [path for pattern in patterns[name] for path in self._find(key, pattern)]
        most = self.data.scans.get(name, len(paths))
        drawn = np.random.default_rng((self.seed, SCANS_STREAM)).permutation(len(paths))[:most]
        return SliceSet([open_scan(paths[place]) for place in sorted(drawn)], self.mask_rule)

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

    def _find(self, key: str, pattern: str) -> list[Path]:
        root = self.place("data.root", self.data.root)
        where = self.place(key, pattern, root)
        # The pattern may hold wildcards, the folder it is relative to means what it says.
        inside = where.relative_to(root) if where.is_relative_to(root) else None
        try:
            if inside is None or where.exists():
                return find_scans(where)
            return find_scans(Path(escape(str(root))) / inside)
        except (ReadError, OSError, ValueError) as error:
            raise WrongUse(
                f"{self.path}: key '{key}' is {shown(pattern)}; no scan found under {root}; "
                "set data.root or download them; accepted: files, folders or patterns of fastMRI "
                "HDF5, NIfTI or DICOM."
            ) from error

    def sets(self) -> dict[str, SliceSet]:
        """Retain set, forget set and the test sets, by name.

        Raises:
            UnlearnError: if a pattern finds nothing, or a file is not a scan.
        """
        return {name: self.samples(name) for name in (*TRAINING, *self.data.tests)}

    def _checked_sets(self) -> dict[str, SliceSet]:
        """The sets, unless work on them would be wasted."""
        sets = self.sets()
        try:
            refuse(check_sets(sets))
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
        if not found.is_file():
            accepted = f'a checkpoint that exists (there is none at {found}), or ""'
            raise wrong_value(self.path, "training.parent", self.training.parent, accepted)
        return found

    @property
    def mask_rule(self) -> Sampling:
        """The sampling of training and tests."""
        return Sampling(
            self.sampling.kind, self.sampling.acceleration, self.sampling.center_fraction
        )

    def card(self, role: str, title: str, retain_scans: int = 0, forget_scans: int = 0) -> Card:
        """The card of a checkpoint that this experiment will make."""
        return Card(
            architecture=self.model.architecture,
            parameters=dict(self.model.parameters),
            role=role,
            title=title,
            retain_scans=retain_scans,
            forget_scans=forget_scans,
        )

    def training_job(self, role: TRAINED, device: str = "auto", epochs: int | None = None) -> Job:
        """The original learns retain and forget set, the oracle the retain set alone.

        Raises:
            UnlearnError: if the sets or the parent would waste the work.
        """
        parent, sets = self.parent, self._checked_sets()
        retain, forget = sets.pop("retain"), sets.pop("forget")
        learnt = len(forget.scans) if role == "original" else 0
        card = self.card(role, role.capitalize(), len(retain.scans), learnt)
        strategy = TRAIN.with_parameters({"decay": self.training.decay})
        return Job(
            strategy=strategy,
            card=card,
            folder=self.run_folder(role),
            retain=retain + forget if role == "original" else retain,
            parent=parent,
            epochs=epochs or self.training.epochs,
            learning_rate=self.training.learning_rate,
            gradient_clip=self.training.gradient_clip,
            seed=self.seed,
            device=device,
            precision=self.training.precision,
            tests=sets,
            test_every=self.training.test_every,
        )

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
    ) -> Job:
        """Change the original with a strategy, all of the forget set, a share of the retain set.

        Raises:
            UnlearnError: if there is no original yet, or the strategy or a value is unknown.
        """
        strategy = find_strategy(strategy_name, self.task).with_parameters(values or {})
        parent = self.original
        if not parent.exists():
            raise UnlearnError(f"{parent}: no original yet; run 'train --role original' first.")
        fraction = self.unlearning.retain_fraction if retain_fraction is None else retain_fraction
        fraction = 1.0 if strategy.whole_retain_set else fraction
        sets = self._checked_sets()
        retain, forget = sets.pop("retain").subset(fraction, self.seed), sets.pop("forget")
        title = f"Unlearned · {strategy.title}"
        card = self.card("unlearned", title, len(retain.scans), len(forget.scans))
        limit = self.unlearning.guard
        budget = steps if steps is not None else (None if epochs else self.unlearning.steps)
        return Job(
            strategy=strategy,
            card=card,
            folder=self.run_folder(run_name or strategy.name),
            retain=retain,
            forget=forget,
            parent=parent,
            epochs=epochs or self.unlearning.epochs,
            steps=budget,
            learning_rate=self.unlearning.learning_rate,
            gradient_clip=self.training.gradient_clip,
            seed=self.seed,
            device=device,
            precision=self.training.precision,
            tests=sets,
            guard=guard or (None if limit is None else Guard(limit)),
        )
