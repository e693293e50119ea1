"""What an experiment file may say: its tables, their keys and the values accepted."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
)

from napari_unlearn.experiment.request import Request
from napari_unlearn.models.registry import ARCHITECTURES, parameters_of
from napari_unlearn.phantoms.tissues import Tissue
from napari_unlearn.settings_file import Line, Place, Section, Text

Share = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Streams are spread over the 64 bits that torch's generators take."""


SETS = ("retain", "forget", "unseen")
THREE = "a list of three whole numbers: slices, rows and columns"


class Data(Section):
    """Which scans (files, folders or patterns) or which subjects (ids or patterns of ids)."""

    root: Line = ""
    """Folder that they are relative to, itself relative to the experiment file; ~ is home. For a
    segmentation where its subjects lie: a folder, or a list as MedicalNet's."""
    retain: list[Place] = Field(min_length=1)
    forget: list[Place] = Field(min_length=1)
    unseen: list[Place] = Field(default_factory=list)
    """Labelled, but learnt by no model and not published on: how the original treats such."""
    images: dict[str, Place] = Field(default_factory=dict)
    """Pattern of each contrast's files below the root of a segmentation's subjects, such as
    {subject}/t1.nii.gz; empty takes any layout that `io.subjects.find_subjects` knows."""
    labels: Line = ""
    """Pattern of the label maps; empty takes the usual one."""
    tests: dict[str, Annotated[list[Place], Field(min_length=1)]] = Field(default_factory=dict)
    """Held-out sets by name; retain_test and forget_test are the paper's D_rt and D_ft."""

    scans: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """At most so many scans or subjects of a set, drawn with the seed; all without a number."""

    @field_validator("tests")
    @classmethod
    def _plain_names(cls, tests: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in tests:
            plain = name.replace("-", "_").replace("_", "a").isalnum() and name.isascii()
            if not plain or name in SETS:
                raise ValueError(
                    "names of letters, digits, - and _, other than retain, forget and unseen, each "
                    "with a list of scans or subjects"
                )
        return tests

    @field_validator("scans")
    @classmethod
    def _of_known_sets(cls, scans: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        known = [*SETS, *info.data.get("tests", {})]
        if "tests" in info.data and not set(scans) <= set(known):
            raise ValueError(f"a table of whole numbers for {', '.join(known)}")
        return scans


class SamplingTable(Section):
    """How k-space is undersampled."""

    kind: Literal["equispaced", "random", "magic"] = "equispaced"
    acceleration: int = Field(8, ge=1, le=1000)
    center_fraction: Share = 0.04


class Preprocessing(Section):
    """How a segmentation brings a subject's volumes to its network."""

    shape: list[Annotated[int, Field(ge=8, le=4096)]] = Field(
        default_factory=list, json_schema_extra={"accepted": THREE}
    )
    """Slices, rows and columns that the head is cropped and resized to, [56, 448, 448] in
    MedicalNet; empty keeps the subjects' own grid. Contrasts are always normalised."""

    @field_validator("shape")
    @classmethod
    def _three(cls, shape: list[int]) -> list[int]:
        if len(shape) not in (0, 3):
            raise ValueError(THREE)
        return shape


class Network(Section):
    """Which network; defaults are the paper's 12-cascade E2E-VarNet."""

    architecture: str = Field("varnet", json_schema_extra={"enum": list(ARCHITECTURES)})
    parameters: dict[str, int | bool | float | str] = Field(default_factory=dict)
    """Keyword arguments of the architecture."""

    @field_validator("architecture")
    @classmethod
    def _known(cls, architecture: str) -> str:
        if architecture not in ARCHITECTURES:
            raise ValueError
        return architecture

    @field_validator("parameters", mode="before")
    @classmethod
    def _fit_the_network(cls, parameters: Any, info: ValidationInfo) -> Any:
        architecture = info.data.get("architecture")
        if isinstance(parameters, dict) and architecture is not None:
            network_section(architecture).model_validate(parameters)
        return parameters


class Training(Section):
    """How original and oracle are trained."""

    epochs: int = Field(50, ge=1, le=1_000_000)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    decay: float = Field(0.4, ge=0, le=1)
    """Share of the steps, at the end, over which the rate falls to zero."""
    gradient_clip: float = Field(0.5, gt=0)
    batch_size: int = Field(1, ge=1, le=1_000_000)
    """Samples per step, over all processes of the run; epochs stay passes over the samples."""
    parent: Line = ""
    """Checkpoint that both start from; empty for random weights."""
    test_every: int = Field(1, ge=1)
    equal_steps: bool = False
    """The oracle takes as many steps as the original, whose epochs are then the ones counted."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """As Lightning Fabric names it; on a CPU 16-mixed computes as bf16-mixed."""


class Unlearning(Section):
    """The budget of every strategy."""

    epochs: int = Field(5, ge=1, le=1_000_000)
    steps: int | None = Field(None, ge=1, le=1_000_000_000)
    """Overrules epochs."""
    retain_fraction: Share = 0.1
    learning_rate: float = Field(1e-3, gt=0, le=1)
    batch_size: int = Field(1, ge=1, le=1_000_000)
    """Samples of the forget and of the retain set per step, over all processes of the run."""
    test_every: int = Field(1, ge=1)
    """Epochs between two measurements of the test sets; the last epoch is always measured."""
    guard: float | None = Field(None, ge=0, le=2)
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


class File(Section):
    """All tables."""

    name: Text
    task: Literal["reconstruction", "segmentation"] = "reconstruction"
    seed: Seed = 0
    data: Data
    sampling: SamplingTable = SamplingTable()
    preprocessing: Preprocessing = Preprocessing()
    model: Network = Network()
    training: Training = Training()
    unlearning: Unlearning = Unlearning()
    evaluation: Evaluation = Evaluation()
    request: Request = Request()
    checkpoints: dict[str, Place] = Field(default_factory=dict)
    """Runs that lie elsewhere than in runs/, by name: such as an original that others made."""


def network_section(architecture: str) -> type[Section]:
    """The table that an architecture's keyword arguments make up."""
    fields: dict[str, Any] = {
        name: (_choice(annotation) if get_origin(annotation) is Literal else annotation, default)
        for name, (annotation, default) in parameters_of(architecture).items()
    }
    return create_model(architecture, __base__=Section, **fields)


def _choice(annotation: Any) -> Any:
    """A literal that takes neither true nor 1.0 for 1, as pydantic's own does."""

    def check(value: object) -> object:
        if not any(type(value) is type(one) and value == one for one in get_args(annotation)):
            raise ValueError
        return value

    return Annotated[annotation, BeforeValidator(check)]


def file_schema(table: Mapping[str, Any]) -> dict[str, Any]:
    """The file's JSON schema, with the parameters of the network that a file's tables name."""
    schema = File.model_json_schema()
    model = table.get("model")
    named = model.get("architecture", "varnet") if isinstance(model, dict) else "varnet"
    if named in list(ARCHITECTURES):
        network = schema["$defs"][Network.__name__]["properties"]
        network["parameters"] = network_section(named).model_json_schema()
    return schema
