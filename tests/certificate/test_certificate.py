"""A certificate of a small experiment: what it says, what it hides, how it is checked."""

import re
import shutil

import h5py
import pytest

from napari_unlearn.certificate.content import fingerprint_of
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.files import read_certificate, write_certificate
from napari_unlearn.certificate.ledger import read_ledger
from napari_unlearn.certificate.make import Order, certify
from napari_unlearn.errors import WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.io.errors import ReadError
from napari_unlearn.models.checkpoint import sha256
from napari_unlearn.pseudonym import naming
from tests.certificate.conftest import certified, check


def test_it_names_models_data_and_the_request_by_hash(template):
    certificate, _ = read_certificate(template / "report.json")
    runs = template / "runs"
    assert certificate.child.sha256 == sha256(runs / "acquired-lines" / "checkpoint.safetensors")
    assert certificate.parent.sha256 == certificate.child.parent
    assert certificate.chain == ("original", "acquired-lines")
    assert certificate.request.date == "2026-05-31"
    (scan,) = certificate.forgotten
    assert scan.sha256 == sha256(template / "data" / "forget" / "brain_0002.h5")
    assert certificate.forgotten_confirmed
    sets = {entry.name: (entry.count, entry.samples) for entry in certificate.sets}
    assert sets["retain"] == (2, 4)
    keys = {(figure.run, figure.set, figure.quantity) for figure in certificate.figures}
    assert ("acquired-lines", "site_test", "agreement") in keys
    assert certificate.method.name == "acquired-lines"
    assert certificate.fingerprint == fingerprint_of(certificate)


def test_two_patients_are_too_few_for_a_verdict(template):
    certificate, _ = read_certificate(template / "report.json")
    assert certificate.verdict.answer == "cannot tell"


def test_neither_scans_nor_people_are_named(template):
    for path in (template / "report.html", template / "report.json", template / "ledger.jsonl"):
        text = path.read_text()
        assert "brain_000" not in text
        assert "Mustermann" not in text
        assert "person-" in text


def test_names_stand_as_they_are_if_asked_for(study):
    *_, made = certify(Experiment.load(study), Order(names=naming(False), device="cpu"))
    assert made.certificate.request.requester_id == "Erika Mustermann"
    assert made.certificate.forgotten[0].id == "brain_0002"
    assert made.certificate.identified


def test_the_page_loads_nothing_and_holds_its_own_json(template):
    page = (template / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)", page)
    assert not re.findall(r"url\(|@import|https?://(?!www\.w3\.org)", page)
    held, _ = read_certificate(template / "report.html")
    beside, _ = read_certificate(template / "report.json")
    assert held == beside


def test_it_verifies_from_page_and_json(template):
    for name in ("report.html", "report.json"):
        checked = check(template, name)
        assert checked.differences == ()
        assert any("measured again" in sentence for sentence in checked.agreed)


def test_writing_it_again_notes_no_second_request(study):
    certified(study)
    assert len(read_ledger(study / "ledger.jsonl")) == 1


def test_another_model_is_told(study):
    run = study / "runs" / "acquired-lines" / "checkpoint.safetensors"
    shutil.copyfile(study / "runs" / "original" / "checkpoint.safetensors", run)
    (said,) = check(study).differences
    assert "'acquired-lines' is another file" in said


def test_a_changed_scan_and_its_figures_are_told(study):
    with h5py.File(study / "data" / "site_test" / "brain_0004.h5", "r+") as file:
        file["kspace"][0] = file["kspace"][0] * 0.7
    said = " ".join(check(study).differences)
    assert "'site_test'" in said
    assert "PSNR [dB] of" in said


def test_a_damaged_scan_is_a_sentence_and_not_taken_for_a_deleted_one(study):
    scan = study / "data" / "site_test" / "brain_0004.h5"
    scan.write_bytes(scan.read_bytes()[:2000])
    with pytest.raises(ReadError, match="brain_0004"):
        certified(study)
    with pytest.raises(ReadError, match="brain_0004"):
        check(study)


def test_deleting_the_forgotten_scan_leaves_the_certificate_valid(study):
    shutil.rmtree(study / "data" / "forget")
    checked = check(study)
    assert checked.differences == ()
    assert any("as it should be" in note for note in checked.notes)
    again = certified(study)
    assert again.forgotten == ()
    assert len(again.ledger) == 1
    assert len(again.ledger[0].forgotten) == 1


def edited(study, name, old, new):
    path = study / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_edited_page_json_picture_or_ledger_is_told(study):
    edited(study, "report.json", '"answer": "cannot tell"', '"answer": "supported"')
    assert "fingerprint does not fit" in " ".join(check(study, "report.json").differences)
    edited(study, "report.html", "The tests cannot tell", "The tests prove")
    assert "does not say what its data say" in check(study, measured_too=False).differences[0]
    edited(study, "report.html", "data:image/png;base64,iVBORw0K", "data:image/png;base64,iVBORw0L")
    said = " ".join(check(study, measured_too=False).differences)
    assert "picture" in said
    (study / "ledger.jsonl").write_text("")
    said = " ".join(check(study, measured_too=False).differences)
    assert "ledger does not hold" in said


def test_a_request_in_a_chain_names_only_its_own_scans(study):
    wrong = Order(forget=("brain_0001",), device="cpu")
    with pytest.raises(WrongUse, match="brain_0002"):
        list(certify(Experiment.load(study), wrong))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Order(run="prophet"), "acquired-lines"),
        (Order(run="oracle"), "forgot nothing"),
        (Order(request={"date": "yesterday"}), "a day"),
    ],
)
def test_wrong_use_is_a_sentence(template, order, said):
    with pytest.raises(WrongUse, match=said):
        list(certify(Experiment.load(template), order))


@pytest.mark.parametrize("text", ["", "{}", "<!doctype html><p>no data</p>", '{"format": 1}'])
def test_what_is_no_certificate_is_a_sentence(tmp_path, text):
    path = tmp_path / "report.html"
    path.write_text(text)
    with pytest.raises(CertificateError, match=r"report\.html"):
        read_certificate(path)


def test_page_and_json_may_not_be_one_file(template, tmp_path):
    *_, made = certify(Experiment.load(template), Order(names=naming(), device="cpu"))
    with pytest.raises(CertificateError, match="files of their own"):
        write_certificate(made, tmp_path / "a.html", tmp_path / "a.html")
