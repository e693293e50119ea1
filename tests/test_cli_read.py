"""Reading studies from a terminal: made, looked over, revealed; one sentence for every mistake."""

import json

import pytest

from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.study import ReadingStudy
from tests.reading.studies import ARMS, write_images
from tests.test_cli import run


@pytest.fixture
def folder(tmp_path):
    images = write_images(tmp_path / "images", 2)
    done = run("read", "new", tmp_path / "study", "--from", images, "--seed", 5)
    assert "2 cases, arms firstmodel, oracle, zerofilled." in done.stdout
    return tmp_path / "study"


def read(folder, reader, most=None):
    reading = Reading(ReadingStudy.load(folder), reader)
    while not reading.finished and (most is None or reading.done < most):
        reading.answer(1 + reading.done % 5)
    reading.close()


def test_check_tells_images_and_progress(folder):
    read(folder, "Anna", most=2)
    text = run("read", "check", folder).stdout
    assert text.count(": 3 images, 4 x 20 x 24 voxels of 5 x 2 x 1 mm") == 2
    assert "head-1" not in text
    assert "Anna: 2 of 12 judgements" in text
    about = json.loads(run("read", "check", folder, "--json").stdout)
    assert about["readers"] == [{"reader": "Anna", "done": 2, "total": 12}]
    assert about["revealed"] is False


def test_reveal_writes_files_and_prints_the_figures(folder):
    read(folder, "Anna")
    read(folder, "Béla")
    about = json.loads(run("read", "reveal", folder, "--json").stdout)
    assert {arm["arm"] for arm in about["arms"]} == set(ARMS)
    assert len(about["judgements"]) == 24
    assert about["finished"] is True
    names = {path.name for path in (folder / "revealed").iterdir()}
    assert names == {"arms.csv", "agreement.csv", "judgements.csv", "reading.json", "scores.png"}
    assert "Anna & Béla: kappa" in run("read", "reveal", folder, "-o", folder / "again").stdout


def test_an_interim_look_lets_readers_go_on(folder, tmp_path):
    read(folder, "Anna", most=3)
    assert "Anna (3 of 12)" in run("read", "reveal", folder, code=1).stderr
    assert "--unfinished needs -o" in run("read", "reveal", folder, "--unfinished", code=2).stderr
    run("read", "reveal", folder, "--unfinished", "-o", tmp_path / "interim")
    read(folder, "Anna")
    run("read", "reveal", folder)


def test_questions_name_and_arms_are_chosen(tmp_path):
    images = write_images(tmp_path / "images", 1)
    options = ("--name", "Heads", "--arm", "oracle", "--arm", "zerofilled")
    question = ("--question", "real=Is it real?|no|yes")
    run("read", "new", tmp_path / "study", "--from", images, *options, *question)
    definition = ReadingStudy.load(tmp_path / "study").definition
    assert (definition.name, definition.arms) == ("Heads", ("oracle", "zerofilled"))
    (asked,) = definition.questions
    assert (asked.key, asked.text, asked.low, asked.high) == ("real", "Is it real?", "no", "yes")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("new", "study"), 2, "Give either --from"),
        (("new", "study", "--from", "missing"), 1, "no such folder"),
        (("new", "study", "--from", "images", "--arm", "x"), 1, "no arm 'x'"),
        (("new", "study", "--from", "images", "--arm", "oracle"), 2, "key 'cases[0].arms'"),
        (("new", "study", "--from", "images", "--question", "x"), 1, "key=Text"),
        (("new", "study", "--from", "images", "--name", "Oracles, oracle"), 2, "says 'oracle'"),
        (("new", "study", "--experiment", "missing"), 1, "missing"),
        (("check", "missing"), 1, "missing"),
        (("reveal", "missing"), 1, "missing"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_no_study(tmp_path, monkeypatch, arguments, code, said):
    write_images(tmp_path / "images", 1)
    monkeypatch.chdir(tmp_path)
    assert said in " ".join(run("read", *arguments, code=code).stderr.split())
    assert not (tmp_path / "study" / "reading.toml").exists()


def test_images_that_cannot_be_read_leave_no_study(tmp_path):
    images = write_images(tmp_path / "images", 1)
    (images / "head-0" / "oracle.nii.gz").write_bytes(b"broken")
    done = run("read", "new", tmp_path / "study", "--from", images, code=1)
    assert "arm 'oracle'" in done.stderr
    assert not (tmp_path / "study" / "reading.toml").exists()


def test_a_second_study_in_one_folder_is_refused(folder, tmp_path):
    done = run("read", "new", folder, "--from", tmp_path / "images", code=2)
    assert "exists already" in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", ["new", "check", "reveal"])
def test_every_command_helps_with_an_example(command):
    assert "Example: napari-unlearn read" in run("read", command, "--help").stdout
