"""What a checkpoint file says about itself."""

from pydantic import BaseModel, ConfigDict, Field


class Volumes(BaseModel):
    """How a subject's volumes reach a segmentation network, and what its answer means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...]
    """Contrasts in the order in which they are stacked, e.g. T1, T1-IR, FLAIR."""
    classes: int
    """The background among them."""
    labels: tuple[str, ...] = ()
    """Names of the classes 0, 1 and so on; empty if they are none that are known."""
    shape: tuple[int, int, int] | None = None
    """(slices, rows, columns) that `io.preprocess3d.prepare` brings a subject to; None leaves it
    on its own grid."""

    @property
    def cropped(self) -> bool:
        """Whether the empty border is cut off first; never of a subject on its own grid."""
        return self.shape is not None


class Card(BaseModel):
    """Where weights come from; stored as JSON in the header of the safetensors file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str
    """Key of `models.registry.ARCHITECTURES`, e.g. "varnet"."""
    parameters: dict[str, int | float | bool | str]
    """Keyword arguments of the architecture."""
    role: str = ""
    """original, oracle, unlearned, or empty for foreign weights."""
    title: str = ""
    """Caption in tiles and tables, e.g. "Unlearned DC"."""
    strategy: str = ""
    strategy_parameters: dict[str, int | float | bool | str] = Field(default_factory=dict)
    seed: int | None = None
    parent: str = ""
    """SHA-256 of the checkpoint that training or unlearning started from."""
    retain_scans: int = 0
    forget_scans: int = 0
    data_hash: str = ""
    """SHA-256 over names, slice numbers and k-space shapes of the training slices."""
    sampling: dict[str, int | float | str] = Field(default_factory=dict)
    """How k-space was undersampled in training: kind, acceleration, center_fraction."""
    coils: int | None = None
    matrix: tuple[int, int] | None = None
    """(rows, columns) of the training k-space."""
    volumes: Volumes | None = None
    """What a segmentation network was trained on; None for any other network."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Named figures, e.g. "retain_psnr"; "error_p99" calibrates the highlights."""
    versions: dict[str, str] = Field(default_factory=dict)
    remark: str = ""
