"""The command `report`: exit codes, sentences, where it looks."""

import json
import shutil

import pytest

from tests.test_cli import run


def test_verify_finds_the_experiment_beside_the_file_and_ends_with_0_or_1(study):
    done = run("report", "--verify", study / "report.html", "--device", "cpu")
    assert "holds" in done.stdout
    shutil.copyfile(
        study / "runs" / "original" / "checkpoint.safetensors",
        study / "runs" / "oracle" / "checkpoint.safetensors",
    )
    options = ("--hashes-only", "--as-json")
    done = run("report", "--verify", study / "report.json", *options, code=1)
    found = json.loads(done.stdout)
    assert found["differences"] == [
        "The model 'oracle' is another file than the certificate is about."
    ]
    assert "1 difference." in done.stderr


def test_the_ledger_is_shown_and_a_broken_one_ends_with_1(study):
    assert "1 request, the chain is whole" in run("report", study, "--ledger").stdout
    assert json.loads(run("report", study, "--ledger", "--as-json").stdout)[0]["number"] == 1
    file = study / "ledger.jsonl"
    file.write_text(file.read_text().replace("consent", "nothing"))
    assert "line 1 was changed" in run("report", study, "--ledger", code=1).stderr
    assert "line 1" in run("report", study, "-o", study / "again.html", code=1).stderr
    assert not (study / "again.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Give EXP"),
        (("STUDY",), 2, "Give -o"),
        (("STUDY", "-o", "report.pdf"), 2, "accepted: .html"),
        (("STUDY", "-o", "r.html", "--run", "x"), 2, "accepted: acquired-lines"),
        (("STUDY", "-o", "r.html", "--forget", "brain_0000"), 2, "brain_0002"),
        (("STUDY", "-o", "r.html", "--date", "31.5."), 2, "a day"),
        (("--verify", "missing.html"), 1, "missing.html"),
        (("missing", "-o", "r.html"), 1, "missing"),
    ],
)
def test_a_mistake_is_a_sentence(template, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    told = [template if each == "STUDY" else each for each in arguments]
    assert said in " ".join(run("report", *told, code=code).stderr.split())
    assert list(tmp_path.iterdir()) == []
