"""The certificate that is shipped as an example holds: hashed and measured again."""

from pathlib import Path

import pytest

from napari_unlearn.certificate.files import read_certificate
from napari_unlearn.certificate.verify import Checked, verify
from napari_unlearn.experiment import Experiment

AUDIT = "the audit's file (its attacks were not made again)"
SAMPLE = Path(__file__).parents[2] / "sample_data" / "certificate"


@pytest.mark.parametrize("name", ["certificate.html", "certificate.json"])
def test_it_is_small_and_names_nobody(name):
    path = SAMPLE / name
    assert path.stat().st_size < 1_500_000
    assert "Mustermann" not in path.read_text()


def test_it_verifies_on_the_shipped_data():
    certificate, page = read_certificate(SAMPLE / "certificate.html")
    assert page is not None
    *_, checked = verify(certificate, page, Experiment.load(SAMPLE), device="cpu")
    assert isinstance(checked, Checked)
    assert checked.differences == ()
    for sentence in ("the verdict", "the model 'acquired-lines'", "the page's text", AUDIT):
        assert sentence in checked.agreed


def test_its_audit_tells_a_layman_what_is_left():
    certificate, page = read_certificate(SAMPLE / "certificate.html")
    assert certificate.audit is not None
    assert not certificate.audit.outdated
    assert (certificate.audit.members, certificate.audit.others) == (60, 60)
    *others, attacks = certificate.verdict.findings
    assert {finding.answer for finding in others} == {"supported"}
    assert attacks.answer == certificate.verdict.answer == "not supported"
    assert "a little further training brings back" in attacks.sentence
    assert "The attacks found something." in page


def test_it_says_what_there_is_to_say():
    certificate, _ = read_certificate(SAMPLE / "certificate.json")
    assert certificate.forgotten_confirmed
    assert len(certificate.forgotten) == certificate.forgotten_count == 60
    assert certificate.parent is not None
    assert certificate.chain == ("original", "acquired-lines")
