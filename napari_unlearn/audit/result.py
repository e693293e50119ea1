"""What an audit found, in memory and on disk."""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from napari_unlearn.atomic import write_whole
from napari_unlearn.audit.damage import Damage
from napari_unlearn.audit.distance import Distance
from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.membership import Rate
from napari_unlearn.audit.verdict import Verdict
from napari_unlearn.bounded import read_bytes
from napari_unlearn.evaluation.relearn import Relearned
from napari_unlearn.evaluation.statistics import Estimate

FILE = "audit.json"
_MOST_BYTES = 1 << 26
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class RunAudit:
    """One run under every attack that was made; None where one was not."""

    name: str
    auc: Estimate
    """Of the loss attack, forget set against hold-out; 0.5 is chance."""
    auc_gap: Estimate | None
    """AUC minus the oracle's."""
    privleak: float | None
    """[%]"""
    rate: Rate | None
    ks: Distance | None
    """Between this run's and the oracle's losses on the forget set."""
    damage: Damage | None
    relearned: Relearned | None = None
    relearn_ratio: float | None = None
    """Steps in units of the oracle's; None if the oracle did not come there."""
    inversion: Estimate | None = None
    """AUC of the likeness of what the model inversion probe drew out."""
    inversion_gap: Estimate | None = None
    lira: Estimate | None = None
    """AUC of U-LiRA."""
    lira_gap: Estimate | None = None
    verdicts: tuple[Verdict, ...] = ()
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of every person's samples."""
    sha256: str = ""
    """Of the checkpoint that was attacked."""


@dataclass(frozen=True)
class Audit:
    """All runs of an experiment under attack."""

    experiment: str
    task: str
    hold_out: str
    """Name of the test set that nobody was trained on."""
    members: int
    """People of the forget set."""
    others: int
    """People of the hold-out."""
    samples: str
    """What one loss is of: slice or patch."""
    margin: float
    """Difference to the oracle's AUC that is accepted."""
    runs: tuple[RunAudit, ...]
    remarks: tuple[str, ...] = ()
    """What could not be done, and why."""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    made: str = ""
    """UTC, ISO 8601."""
    seeds: Mapping[str, int] = field(default_factory=dict)
    """Of the draws behind intervals, and of the attacks that draw anything, by name."""

    def run(self, name: str) -> RunAudit | None:
        """The run of that name."""
        return next((run for run in self.runs if run.name == name), None)

    def json(self) -> str:
        """Everything; figures that are not finite are null."""
        return _ADAPTER.dump_json(self, indent=1).decode() + "\n"

    def write(self, path: Path) -> None:
        """Put the file in place, whole.

        Raises:
            UnlearnError: if it cannot be written.
        """
        write_whole(path, self.json().encode())

    def put(self, folder: Path) -> Path:
        """Put the file in place as the newest audit of an experiment; returns where.

        The one that lay there stays beside it, as `audit-DATE-HASH.json` (its own date, the
        first digits of its SHA-256): it may be about other runs, and certificates name it.

        Args:
            folder: Of the experiment.

        Raises:
            UnlearnError: if it cannot be written.
        """
        path = folder / "runs" / FILE
        with suppress(AuditError):
            before = Audit.read(path)
            data = read_bytes(path, _MOST_BYTES)
            digest = hashlib.sha256(data).hexdigest()
            day = before.made[:10] if _DAY.match(before.made) else "undated"
            write_whole(path.with_name(f"{path.stem}-{day}-{digest[:8]}.json"), data)
        self.write(path)
        return path

    @classmethod
    def read(cls, path: Path) -> "Audit":
        """What `write` wrote.

        Raises:
            AuditError: if it is not such a file.
        """
        try:
            return _ADAPTER.validate_json(read_bytes(path, _MOST_BYTES))
        except OSError as error:
            raise AuditError(f"{path}: cannot be read ({error.strerror}).") from error
        except ValidationError as error:
            raise AuditError(f"{path}: not a file of an audit.") from error


_ADAPTER = TypeAdapter(Audit)
