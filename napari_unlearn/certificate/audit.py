"""What `napari-unlearn audit` found about a run, as far as a certificate tells it.

Losses of single people, which an audit keeps by number, never come along.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unlearn.bounded import read_bytes
from napari_unlearn.certificate.content import (
    Answer,
    AuditEntry,
    AuditFigure,
    AuditModel,
    Finding,
)
from napari_unlearn.certificate.error import CertificateError

FILE = "audit.json"
BEFORE = "audit-*.json"
"""Earlier ones, as `audit.result.Audit.put` calls them."""
_MOST_BYTES = 1 << 26
_TIME = r"^(\d{4}-\d\d-\d\dT[0-9:.+-]{5,30})?$"
"""UTC, ISO 8601: it is sorted by, and shown in a terminal."""


class _Part(BaseModel):
    """Reads what it knows of a table and leaves the rest."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Estimate(_Part):
    value: float
    low: float | None = None
    high: float | None = None


class _Said(_Part):
    claim: str
    answer: str
    why: str


class _Run(_Part):
    name: str
    auc: _Estimate | None = None
    verdicts: tuple[_Said, ...] = ()
    sha256: str = ""


class _File(_Part):
    hold_out: str = ""
    members: int = 0
    others: int = 0
    command: str = ""
    runs: tuple[_Run, ...]
    remarks: tuple[str, ...] = Field(default=())
    made: str = Field(default="", pattern=_TIME)
    seeds: Mapping[str, int] = Field(default_factory=dict)
    versions: Mapping[str, str] = Field(default_factory=dict)


def read_audit(folder: Path, run: str, models: Mapping[str, str]) -> AuditEntry | None:
    """What attacks found about a run, by the newest audit of it; None if none was made on it.

    An audit that attacked other files than those in question does not count: its entry says why,
    and holds neither findings nor figures.

    Args:
        folder: Of the experiment; audits are `runs/audit.json`, those before it beside it, and
            `audit.json`.
        run: The one that forgot.
        models: SHA-256 of its checkpoint and those of the runs beside it, by run.

    Raises:
        CertificateError: if there is such a file and it is no audit.
    """
    told = [each for each in _files(folder) if any(own.name == run for own in each[0].runs)]
    if not told:
        return None
    newest, digest = max(told, key=lambda each: each[0].made)
    known = {each.name: each for each in newest.runs if each.name in models}
    outdated = _outdated(known, models)
    own = known[run]
    beside = [known[name] for name in models if name in known and name != run]
    return AuditEntry(
        hold_out=newest.hold_out,
        members=newest.members,
        others=newest.others,
        command=newest.command,
        findings=() if outdated else _findings(own),
        figures=() if outdated else _figures([*beside, own]),
        remarks=newest.remarks,
        made=newest.made,
        seeds=dict(newest.seeds),
        versions=dict(newest.versions),
        models=tuple(AuditModel(run=e.name, sha256=e.sha256) for e in (*beside, own)),
        file=digest,
        outdated=outdated,
    )


def at_hand(folder: Path) -> frozenset[str]:
    """SHA-256 of every audit's file of an experiment.

    Raises:
        CertificateError: as `read_audit`.
    """
    return frozenset(digest for _, digest in _files(folder))


def _files(folder: Path) -> Iterator[tuple[_File, str]]:
    """Every audit of the experiment with the SHA-256 of its file."""
    before = sorted((folder / "runs").glob(BEFORE))
    for path in (folder / "runs" / FILE, folder / FILE, *before):
        try:
            data = read_bytes(path, _MOST_BYTES)
            told = _File.model_validate_json(data)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CertificateError(f"{path}: cannot be read ({error.strerror}).") from error
        except ValidationError as error:
            raise CertificateError(f"{path}: not a file of an audit.") from error
        yield told, hashlib.sha256(data).hexdigest()


def _outdated(judged: Mapping[str, _Run], models: Mapping[str, str]) -> str:
    """Why an audit does not count; empty if it does."""
    if not all(each.sha256 for each in judged.values()):
        return "the audit does not say which files it attacked; they have to be made again."
    changed = [f"“{name}”" for name in judged if judged[name].sha256 != models[name]]
    if not changed:
        return ""
    if len(changed) == 1:
        return f"the model {changed[0]} has changed since; they have to be made again."
    words = f"{', '.join(changed[:-1])} and {changed[-1]}"
    return f"the models {words} have changed since; they have to be made again."


def _findings(own: _Run) -> tuple[Finding, ...]:
    return tuple(
        Finding(question=said.claim, answer=_answer(said.answer), sentence=said.why)
        for said in own.verdicts
    )


def _figures(runs: Sequence[_Run]) -> tuple[AuditFigure, ...]:
    return tuple(
        AuditFigure(run=each.name, auc=each.auc.value, low=each.auc.low, high=each.auc.high)
        for each in runs
        if each.auc is not None
    )


def _answer(text: str) -> Answer:
    if text.startswith("not"):
        return "not supported"
    return "supported" if text == "supported" else "cannot tell"
