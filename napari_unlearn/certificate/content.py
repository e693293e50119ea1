"""What a certificate says, as it stands in its JSON file."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Answer = Literal["supported", "not supported", "cannot tell"]
Number = int | float | bool | str


class Entry(BaseModel):
    """A part of the certificate: fixed once made, nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ScanEntry(Entry):
    """A scan or subject, by pseudonym and content."""

    id: str
    patient: str
    """Whose scans are alike: never counted as independent."""
    sha256: str
    """Of the file's content, see `fingerprint.of_files`."""
    samples: int
    """Slices of a scan; 1 for a volume."""


class SetEntry(Entry):
    """One set of the experiment."""

    name: str
    at_hand: bool
    """Whether the files were there to be hashed; else the counts are those of the model's card."""
    count: int
    """Scans or subjects."""
    samples: int
    patients: int
    scans: tuple[ScanEntry, ...] = ()


class ModelEntry(Entry):
    """A checkpoint: its file, and what its card says of it."""

    run: str
    role: str
    title: str
    sha256: str
    parent: str
    """SHA-256 of the checkpoint it was made from; empty for random weights."""
    architecture: str
    parameters: dict[str, Number]
    strategy: str
    strategy_parameters: dict[str, Number]
    seed: int | None
    retain_scans: int
    forget_scans: int
    data_hash: str
    sampling: dict[str, int | float | str]
    cost: dict[str, float]
    """Steps, passes and seconds."""
    versions: dict[str, str]
    remark: str = ""


class ParameterEntry(Entry):
    """A number that the strategy was used with."""

    name: str
    value: Number
    unit: str = ""
    meaning: str = ""


class MethodEntry(Entry):
    """The strategy, in words and as a formula."""

    name: str
    title: str
    formula: str
    paper: str
    remark: str
    parameters: tuple[ParameterEntry, ...]


class RequestEntry(Entry):
    """Who asked for what; the keys of `experiment.request.Request`."""

    requester: str = ""
    requester_id: str = ""
    """A pseudonym, unless the certificate was asked to identify."""
    reference: str = ""
    reason: str = ""
    date: str = ""


class Figure(Entry):
    """The mean of one quantity over the samples of a set, with a 95 % interval over patients."""

    run: str
    """Empty for what an expert drew."""
    set: str
    quantity: str
    mean: float
    low: float | None
    high: float | None
    patients: int
    samples: int
    structure: str = ""
    """Of which alone, of a segmentation."""


class Finding(Entry):
    """A question somebody without training in the field would ask, and the answer."""

    question: str
    answer: Answer
    sentence: str


class Verdict(Entry):
    """What the findings come to."""

    answer: Answer
    sentence: str
    findings: tuple[Finding, ...] = Field(min_length=1)
    """What attacks found is the last."""


class AuditFigure(Entry):
    """How well an attacker tells the forgotten people from strangers; 0.5 is chance."""

    run: str
    auc: float
    low: float | None
    high: float | None


class AuditModel(Entry):
    """A checkpoint that was attacked."""

    run: str
    sha256: str


class AuditEntry(Entry):
    """What attacks on the model found."""

    hold_out: str
    """The set of strangers."""
    members: int
    others: int
    command: str
    findings: tuple[Finding, ...]
    figures: tuple[AuditFigure, ...]
    remarks: tuple[str, ...]
    made: str = ""
    """UTC, ISO 8601."""
    seeds: dict[str, int] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    models: tuple[AuditModel, ...] = ()
    """What was attacked, of the runs that the certificate is about."""
    file: str = ""
    """SHA-256 of `audit.json`."""
    outdated: str = ""
    """Why it does not count; empty if it does."""


class LedgerEntry(Entry):
    """A request that was carried out; a line of the ledger."""

    number: int
    """From 1."""
    time: str
    """UTC, ISO 8601."""
    request: RequestEntry
    forgotten: tuple[str, ...]
    """Pseudonyms of the scans or subjects."""
    forgotten_sha256: tuple[str, ...]
    run: str
    strategy: str
    child: str
    """SHA-256 of the checkpoint that was made."""
    parent: str
    """SHA-256 of the checkpoint it was made from."""
    previous: str
    """The `hash` of the entry before; 64 zeros for the first."""
    hash: str = ""
    """SHA-256 of everything else in the entry."""


class PictureEntry(Entry):
    """A picture of the page, which holds it; here its caption and its fingerprint."""

    name: str
    caption: str
    sha256: str


class ExperimentEntry(Entry):
    """The experiment file, without what names files or people."""

    name: str
    task: Literal["reconstruction", "segmentation"]
    seed: int
    sha256: str
    settings: dict[str, Any]


class Certificate(Entry):
    """Everything."""

    format: Literal["napari-unlearn certificate"] = "napari-unlearn certificate"
    version: Literal[1] = 1
    written: str
    """UTC, ISO 8601."""
    identified: bool
    """Whether names stand as they are, because somebody asked for that."""
    experiment: ExperimentEntry
    request: RequestEntry
    forgotten: tuple[ScanEntry, ...]
    forgotten_count: int
    forgotten_confirmed: bool
    """Whether the run's record says, by hash, that it was these and no others."""
    child: ModelEntry
    parent: ModelEntry | None
    original: ModelEntry | None
    oracle: ModelEntry | None
    chain: tuple[str, ...]
    """Runs from the original to the child, each made from the one before."""
    method: MethodEntry | None
    sets: tuple[SetEntry, ...]
    figures: tuple[Figure, ...]
    tolerances: dict[str, float]
    """By quantity: how far a mean may be off when it is measured again."""
    verdict: Verdict
    audit: AuditEntry | None
    limits: tuple[str, ...]
    ledger: tuple[LedgerEntry, ...]
    """As it stood, the entry of this request the last that belongs to it."""
    pictures: tuple[PictureEntry, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    device: str = ""
    fingerprint: str = ""
    """SHA-256 of everything else, see `fingerprint_of`."""

    @property
    def runs(self) -> tuple[str, ...]:
        """Runs that were measured, from before to after, the oracle last."""
        known = (self.original, self.parent, self.child, self.oracle)
        return tuple(dict.fromkeys(model.run for model in known if model is not None))


def canonical(entry: Entry, without: str) -> bytes:
    """An entry as bytes that do not depend on order, spaces or the machine."""
    table = entry.model_dump(mode="json", exclude={without})
    text = json.dumps(table, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def fingerprint_of(certificate: Certificate) -> str:
    """SHA-256 over everything but the fingerprint itself."""
    return hashlib.sha256(canonical(certificate, "fingerprint")).hexdigest()


def to_json(certificate: Certificate) -> str:
    """The text of the JSON file."""
    return json.dumps(certificate.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
