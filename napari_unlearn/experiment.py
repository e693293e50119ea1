"""One TOML file = data + sampling + model + training + unlearning + tests."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.open import find_scans, open_scan
from napari_unlearn.models.card import Card
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.tissues import Tissue
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.parameters import Number
from napari_unlearn.unlearning.strategies import TRAIN, find_strategy

FILE = "experiment.toml"
TRAINED = Literal["original", "oracle"]
Share = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """A table of the file; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which scans: files, folders or patterns, relative to the experiment file."""

    retain: list[str] = Field(min_length=1)
    forget: list[str] = Field(min_length=1)
    tests: dict[str, list[str]] = Field(default_factory=dict)
    """Held-out sets by name; retain_test and forget_test are the paper's D_rt and D_ft."""


class SamplingTable(Section):
    """How k-space is undersampled."""

    kind: Literal["equispaced", "random", "magic"] = "equispaced"
    acceleration: int = Field(8, ge=1)
    center_fraction: Share = 0.04


class Network(Section):
    """Which network; defaults are the paper's 12-cascade E2E-VarNet."""

    architecture: str = "varnet"
    parameters: dict[str, int | bool | float] = Field(default_factory=dict)


class Training(Section):
    """How original and oracle are trained."""

    epochs: int = Field(50, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    decay: float = Field(0.4, ge=0, le=1)
    """Share of the steps, at the end, over which the rate falls to zero."""
    gradient_clip: float = Field(0.5, gt=0)
    parent: str = ""
    """Checkpoint that both start from; empty for random weights."""
    test_every: int = Field(1, ge=1)
    precision: str = "32-true"


class Unlearning(Section):
    """The budget of every strategy."""

    epochs: int = Field(5, ge=1)
    steps: int | None = Field(None, ge=1)
    """Overrules epochs."""
    retain_fraction: Share = 0.1
    learning_rate: float = Field(1e-3, gt=0)
    guard: float | None = Field(None, ge=0)
    """Largest loss of retain SSIM before a run is rolled back to its best epoch."""


class Evaluation(Section):
    """What is measured beside image quality."""

    planted_fault: bool = False
    """The forget references carry this project's simulated fault; report how much is invented."""
    tissue: Literal["", "marrow"] = ""
    """Ground-truth tissue of simulated scans inside which highlights are counted as well."""

    @property
    def tissue_value(self) -> int | None:
        """The tissue's value in the label maps."""
        return Tissue[self.tissue.upper()].value if self.tissue else None


class Experiment(Section):
    """The whole file."""

    name: str
    task: Literal["reconstruction"] = "reconstruction"
    seed: int = Field(0, ge=0)
    data: Data
    sampling: SamplingTable = SamplingTable()
    model: Network = Network()
    training: Training = Training()
    unlearning: Unlearning = Unlearning()
    evaluation: Evaluation = Evaluation()
    _folder: Path = PrivateAttr(default=Path())

    @classmethod
    def load(cls, path: Path) -> "Experiment":
        """Read an experiment file, or the `experiment.toml` of a folder.

        Raises:
            UnlearnError: naming the key, its value and what is accepted.
        """
        path = path / FILE if path.is_dir() else path
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            experiment = cls.model_validate(table)
        except OSError as error:
            raise UnlearnError(f"{path}: cannot be read ({error.strerror}).") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UnlearnError(f"{path}: not a TOML file ({error}).") from error
        except ValidationError as error:
            raise UnlearnError(f"{path}: {_first_mistake(error)}") from error
        experiment._folder = path.parent
        return experiment

    @property
    def folder(self) -> Path:
        """Where the experiment file lies."""
        return self._folder

    def run_folder(self, name: str) -> Path:
        """Where a role or strategy keeps its results."""
        return self._folder / "runs" / name

    @property
    def runs(self) -> dict[str, Path]:
        """Checkpoints that exist, by role or strategy: original, oracle, then the others."""
        found = {
            path.parent.name: path for path in self._folder.glob("runs/*/checkpoint.safetensors")
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
        paths = [path for pattern in patterns[name] for path in find_scans(self._folder / pattern)]
        return SliceSet([open_scan(path) for path in paths], self.mask_rule)

    @property
    def mask_rule(self) -> Sampling:
        """The sampling of training and tests."""
        return Sampling(
            self.sampling.kind, self.sampling.acceleration, self.sampling.center_fraction
        )

    def _tests(self) -> Mapping[str, SliceSet]:
        return {name: self.samples(name) for name in self.data.tests}

    def training_job(self, role: TRAINED, device: str = "auto", epochs: int | None = None) -> Job:
        """The original learns retain and forget set, the oracle the retain set alone."""
        retain, forget = self.samples("retain"), self.samples("forget")
        card = Card(
            architecture=self.model.architecture,
            parameters=dict(self.model.parameters),
            role=role,
            title=role.capitalize(),
            retain_scans=len(retain.scans),
            forget_scans=len(forget.scans) if role == "original" else 0,
        )
        strategy = TRAIN.with_parameters({"decay": self.training.decay})
        parent = self._folder / self.training.parent if self.training.parent else None
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
            tests=self._tests(),
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
        parent = self.run_folder("original") / "checkpoint.safetensors"
        if not parent.exists():
            raise UnlearnError(f"{parent}: no original yet; run 'train --role original' first.")
        fraction = self.unlearning.retain_fraction if retain_fraction is None else retain_fraction
        fraction = 1.0 if strategy.whole_retain_set else fraction
        retain, forget = self.samples("retain").subset(fraction, self.seed), self.samples("forget")
        card = Card(
            architecture=self.model.architecture,
            parameters=dict(self.model.parameters),
            role="unlearned",
            title=f"Unlearned · {strategy.title}",
            retain_scans=len(retain.scans),
            forget_scans=len(forget.scans),
        )
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
            tests=self._tests(),
            guard=guard or (None if limit is None else Guard(limit)),
        )


def _first_mistake(error: ValidationError) -> str:
    """The first of pydantic's complaints in one sentence: key, value, what is accepted."""
    mistake = error.errors()[0]
    key = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "missing":
        return f"key '{key}' is missing."
    if mistake["type"] == "extra_forbidden":
        return f"key '{key}' is not known here; see the example in the README for those that are."
    value = str(mistake["input"])
    return f"key '{key}' is {value[:60]!r}; {mistake['msg'].lower()}."
