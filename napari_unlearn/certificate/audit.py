"""What `napari-unlearn audit` found about a run, as far as a certificate tells it.

Losses of single people, which an audit keeps by name, never come along.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unlearn.certificate.content import Answer, AuditEntry, AuditFigure, Finding
from napari_unlearn.certificate.error import CertificateError

FILE = "audit.json"
_MOST_BYTES = 1 << 26


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


class _File(_Part):
    hold_out: str = ""
    members: int = 0
    others: int = 0
    command: str = ""
    runs: tuple[_Run, ...]
    remarks: tuple[str, ...] = Field(default=())


def read_audit(folder: Path, run: str, beside: Sequence[str]) -> AuditEntry | None:
    """What attacks found about a run; None if none was made on it.

    Args:
        folder: Of the experiment; the audit is `runs/audit.json` or `audit.json`.
        run: The one that forgot.
        beside: Other runs whose figures are told as well.

    Raises:
        CertificateError: if there is such a file and it is no audit.
    """
    for path in (folder / "runs" / FILE, folder / FILE):
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise CertificateError(f"{path}: larger than {_MOST_BYTES >> 20} MiB; no audit.")
            told = _File.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise CertificateError(f"{path}: not a file of an audit.") from error
        known = {each.name: each for each in told.runs}
        if run in known:
            return _entry(told, known[run], [known[name] for name in beside if name in known])
    return None


def _entry(told: _File, own: _Run, others: Sequence[_Run]) -> AuditEntry:
    return AuditEntry(
        hold_out=told.hold_out,
        members=told.members,
        others=told.others,
        command=told.command,
        findings=tuple(
            Finding(question=said.claim, answer=_answer(said.answer), sentence=said.why)
            for said in own.verdicts
        ),
        figures=tuple(
            AuditFigure(run=each.name, auc=each.auc.value, low=each.auc.low, high=each.auc.high)
            for each in (*others, own)
            if each.auc is not None
        ),
        remarks=told.remarks,
    )


def _answer(text: str) -> Answer:
    if text.startswith("not"):
        return "not supported"
    return "supported" if text == "supported" else "cannot tell"
