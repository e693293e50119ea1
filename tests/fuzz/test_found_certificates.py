"""What the fuzzer found in readers of certificates, ledgers and audits, one small input each."""

import json
import os

import pytest

from napari_unlearn.certificate.content import Certificate, fingerprint_of
from napari_unlearn.certificate.files import read_certificate
from napari_unlearn.certificate.ledger import read_ledger, told
from napari_unlearn.certificate.page import to_page
from napari_unlearn.certificate.verify import verify
from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from tests.fuzz import certificates
from tests.fuzz.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seconds=5) as process:
        yield process


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return certificates.kinds(tmp_path_factory.mktemp("kinds"))[0].files


@pytest.fixture
def folder(good, tmp_path):
    """An experiment with a certificate that holds."""
    for name, content in good.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def resealed(folder, change):
    """The certificate changed by somebody who knows how its fingerprint is made."""
    path = folder / "report.json"
    table = json.loads(path.read_text())
    change(table)
    made = Certificate.model_validate_json(json.dumps(table))
    whole = made.model_copy(update={"fingerprint": fingerprint_of(made)})
    path.write_text(whole.model_dump_json())
    (folder / "report.html").write_text(to_page(whole, ()))
    return path


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_the_good_one_holds(sandbox, folder, name):
    assert sandbox.read("verify", folder / name).kind == "fine"


@pytest.mark.parametrize("name", ["report.json", "ledger.jsonl", "runs/audit.json"])
def test_a_pipe_or_a_file_without_end(said, folder, name):
    """A pipe hung `--verify`; an audit of 64 GiB was read into memory."""
    door = {"report.json": "certificate", "ledger.jsonl": "ledger"}.get(name, "audit")
    os.truncate(folder / name, 2**36)
    assert "larger than" in said(door, folder / name)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "a pipe, a device or a socket" in said(door, folder / name)
    if door != "ledger":  # of which `verify` says that it differs
        assert "a pipe" in said("verify" if door == "certificate" else "audit told", folder / name)


def test_a_page_in_which_certificates_begin_very_often(said, folder):
    """Each beginning was followed to the page's end: a time that grows with the square."""
    begun = '<script type="application/json" id="certificate">' * 200_000
    (folder / "report.html").write_text(f"<!doctype html>{begun}")
    assert "a page without a certificate" in said("verify", folder / "report.html")


def test_a_certificate_that_is_nested_without_end(said, folder):
    (folder / "report.json").write_text('{"format": ' + "[" * 10**5)
    assert "it is nested too deeply" in said("certificate", folder / "report.json")


def test_a_key_of_a_hundred_thousand_letters(said, folder):
    (folder / "report.json").write_text(json.dumps({"A" * 10**5: 1}))
    assert len(said("certificate", folder / "report.json")) < 400
    table = json.loads(json.dumps({"A\x1b[31m" * 10**4: 1}))
    (folder / "report.json").write_text(json.dumps(table))
    assert "\x1b" not in said("certificate", folder / "report.json")


def test_a_verdict_of_nothing(said, folder):
    """What attacks found was taken to be the last finding of any list."""
    path = folder / "report.json"
    table = json.loads(path.read_text())
    table["verdict"]["findings"] = []
    path.write_text(json.dumps(table))
    assert "verdict.findings" in said("verify", path)


@pytest.mark.parametrize("where", ["figures", "tolerances"])
def test_a_quantity_that_nobody_knows(said, folder, where):
    """It was looked up among those of this version, and among its own tolerances."""
    path = folder / "report.json"
    table = json.loads(path.read_text())
    if where == "figures":
        table["figures"][0]["quantity"] = "x" * 10**5
    else:
        table["tolerances"] = {}
    path.write_text(json.dumps(table))
    assert "which this version does not know or has no tolerance for" in said("verify", path)


@pytest.mark.parametrize("words", ["\x1b[2J", "\u202egnp", "a\nAs certified: all", "A" * 10**5])
def test_words_that_play_with_the_terminal(folder, words):
    """Names in a certificate and in a ledger were echoed as they are."""

    def change(table):
        table["child"]["run"] = words
        table["sets"][0]["name"] = words

    certificate, page = read_certificate(resealed(folder, change))
    *_, checked = verify(certificate, page, Experiment.load(folder), device="cpu")
    assert any("The model '" in sentence for sentence in checked.differences)
    lines = [*checked.differences, *checked.notes, *checked.agreed]
    entry = json.loads((folder / "ledger.jsonl").read_text())
    entry["request"]["requester"] = entry["run"] = words
    (folder / "ledger.jsonl").write_text(certificates.chain([entry])[0] + "\n")
    lines += told(read_ledger(folder / "ledger.jsonl"))
    assert all(line.isprintable() and len(line) <= 400 for line in lines)


def test_a_page_shows_hostile_words_as_words(folder):
    bad = "</script><script>alert(1)</script>{{ 7 * 7 }}"
    path = resealed(folder, lambda table: table["request"].update(requester=bad))
    page = (folder / "report.html").read_text()
    assert page.count("<script") == 1
    assert "49" not in page.partition("Asked by")[2].partition("</tr>")[0]
    assert read_certificate(folder / "report.html")[0] == read_certificate(path)[0]


def test_an_audit_that_is_a_folder_of_its_own(folder):
    (folder / "runs" / "audit.json").unlink()
    (folder / "runs" / "audit.json").mkdir()
    certificate, page = read_certificate(folder / "report.json")
    with pytest.raises(UnlearnError, match=r"audit\.json: cannot be read"):
        list(verify(certificate, page, Experiment.load(folder), device="cpu"))
