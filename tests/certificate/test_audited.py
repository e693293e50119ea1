"""The audit as a part of a certificate: what counts, what a reader is told, how it is checked."""

import json
import shutil

import pytest

from napari_unlearn.audit import verdict as claims
from napari_unlearn.certificate.content import AuditEntry, Finding
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.traces import traces
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import sha256
from tests.certificate.conftest import certified, check

CHILD = "acquired-lines"


def put_audit(folder, made="2026-11-22T03:00:00+00:00", answer="not supported", where="runs"):
    """An audit of all runs as they are."""
    said = {"claim": "Nobody is found", "answer": answer, "why": "brain_0002 is found"}
    auc = {"value": 0.9, "low": 0.8, "high": 1.0}
    runs = [
        {"name": name, "auc": auc, "verdicts": [said], "losses": {"brain_0002": [0.1]}}
        | {"sha256": sha256(path)}
        for name, path in Experiment.load(folder).runs.items()
    ]
    about = {"experiment": "x", "hold_out": "site_test", "members": 1, "others": 1, "runs": runs}
    about |= {"made": made, "seeds": {"intervals": 7}, "versions": {"napari-unlearn": "0.0"}}
    (folder / where / "audit.json").write_text(json.dumps(about))


@pytest.fixture
def audited(study):
    put_audit(study)
    return study


def test_its_date_files_seeds_and_answers_are_told_and_nobody_is_named(audited):
    made = certified(audited)
    assert made.verdict.answer == "not supported"
    assert {model.run for model in made.audit.models} == {"original", CHILD, "oracle"}
    assert made.audit.models[-1].sha256 == made.child.sha256
    page = (audited / "report.html").read_text()
    for words in ("The attacks found something.", "2026-11-22, napari-unlearn 0.0", "intervals 7"):
        assert words in page
    assert "is found</td>" in page
    assert "brain_0002" not in page


def test_it_does_not_count_once_a_model_has_changed(audited):
    runs = audited / "runs"
    shutil.copyfile(
        runs / "original" / "checkpoint.safetensors", runs / "oracle" / "checkpoint.safetensors"
    )
    made = certified(audited)
    assert made.verdict.findings[-1].answer == "cannot tell"
    assert made.audit.findings == made.audit.figures == ()
    page = (audited / "report.html").read_text()
    assert "they do not count: the model “oracle” has changed since" in page
    assert any("No attack on the model" in limit for limit in made.limits)
    assert check(audited).differences == ()


def test_nor_does_one_that_names_no_files(audited):
    path = audited / "runs" / "audit.json"
    path.write_text(path.read_text().replace("sha256", "sha257"))
    assert "does not say which files" in certified(audited).audit.outdated


def test_the_newest_counts(audited):
    put_audit(audited, "2026-11-23T00:00:00+00:00", "supported", where=".")
    assert certified(audited).audit.made.startswith("2026-11-23")


def test_verify_knows_its_file_again(audited):
    certified(audited)
    checked = check(audited, measured_too=False)
    assert checked.differences == ()
    assert "the audit's file (its attacks were not made again)" in checked.agreed
    path = audited / "runs" / "audit.json"
    path.write_text(path.read_text().replace("0.9", "0.5"))
    (said,) = check(audited, measured_too=False).differences
    assert "audit's file is another" in said
    put_audit(audited, "2026-11-23T00:00:00+00:00")
    assert "Another audit was made since (2026-11-23)" in " ".join(noted(audited))
    path.unlink()
    assert "The audit's file is not at hand" in " ".join(noted(audited))


def test_an_audit_of_other_runs_takes_nothing_from_the_one_before(audited):
    certified(audited)
    runs = audited / "runs"
    (runs / "audit.json").rename(runs / "audit-2026-11-22-12345678.json")
    put_audit(audited, "2026-11-23T00:00:00+00:00")
    path = runs / "audit.json"
    path.write_text(path.read_text().replace(CHILD, "another"))
    checked = check(audited, measured_too=False)
    assert checked.differences == ()
    assert "the audit's file (its attacks were not made again)" in checked.agreed
    assert certified(audited).audit.made.startswith("2026-11-22")


@pytest.mark.parametrize("made", ["\x1b[31m", "yesterday", "2026-11-22T03:00:00\n"])
def test_a_file_with_an_odd_date_is_no_audit(audited, made):
    put_audit(audited, made)
    with pytest.raises(CertificateError, match="not a file of an audit"):
        certified(audited)


def noted(folder):
    checked = check(folder, measured_too=False)
    assert checked.differences == ()
    return checked.notes


def test_verify_tells_of_an_audit_that_came_later(study):
    put_audit(study)
    assert "An audit was made since (2026-11-22)" in " ".join(noted(study))


def entry(*said):
    findings = [Finding(question=q, answer=answer, sentence="why") for q, answer in said]
    return AuditEntry(
        hold_out="strangers", members=6, others=6, command="", findings=findings, figures=(),
        remarks=(), made="2026-11-22",
    )  # fmt: skip


ASKED = (
    claims.IN_TRAINING,
    claims.UNDAMAGED,
    claims.ALIKE,
    claims.REMOVED,
    claims.SHADOWS,
    claims.DRAWN_OUT,
)


@pytest.mark.parametrize("claim", ASKED)
def test_every_claim_that_fails_is_told_in_words_of_its_own(claim):
    told = traces(entry((claim, "not supported"), ("Another", "supported")))
    assert told.answer == "not supported"
    assert claim not in told.sentence
    assert told.sentence.endswith("1 found this, 1 found nothing, and 0 cannot tell.")


def test_open_questions_are_counted():
    told = traces(entry(("One", "supported"), ("Two", "cannot tell")))
    assert told.answer == "cannot tell"
    assert "Of 2 things that should hold of a model that forgot, 1 did" in told.sentence
