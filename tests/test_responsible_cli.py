"""From an outline to a forget set in the terminal, in miniature."""

import json
import tomllib

import pytest

from napari_unlearn.cli.responsible import write_proposal
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.responsibility import Responsibility, Responsible
from napari_unlearn.experiment import Experiment
from tests.test_cli import run
from tests.tiny_study import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("responsible") / "study")
    run("train", folder, "--role", "original", "--epochs", 1, "--threads", 1)
    return folder


@pytest.fixture
def question(study):
    scan = next((study / "data" / "site_test").glob("*.h5"))
    return ("responsible", study, "--scan", scan, "--slice", 1, "--device", "cpu")


@pytest.mark.parametrize("method", ["healing", "alignment"])
def test_every_training_slice_is_ranked(question, tmp_path, method):
    file = tmp_path / "scores.json"
    done = run(*question, "--region", "8:14,8:14", "--method", method, "--top", 3, "--json", file)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert "training slice" in done.stdout
    found = json.loads(file.read_text())
    assert len(found["slices"]) == 6
    assert {each["set"] for each in found["slices"]} == {"retain", "forget"}
    assert found["method"] == method


def test_wrong_use_ends_in_a_sentence(question, study):
    assert "accepted: a rectangle" in run(*question, "--region", "here", code=2).stderr
    assert "holds no pixel" in run(*question, "--region", "90:95,0:4", code=2).stderr
    late = ("responsible", study, "--scan", question[3], "--slice", 7, "--region", "8:14,8:14")
    assert "there is no slice 7; accepted: 0 to 1" in run(*late, code=1).stderr
    wanted = (*question, "--region", "8:14,8:14", "--model", "nobody")
    assert "There is no run 'nobody'" in run(*wanted, code=1).stderr


def _found(experiment, *scores):
    """Scores of the first scans, one slice each."""
    scans = [scan for name in ("retain", "forget") for scan in experiment.samples(name).scans]
    slices = tuple(
        Responsible(scan.header.name, str(scan.header.source), "retain", 0, score, score)
        for scan, score in zip(scans, scores, strict=True)
    )
    return Responsibility(slices, "healing", "reference", 0.1)


def test_without_a_slice_that_stands_out_nothing_is_proposed(study, tmp_path):
    experiment, file = Experiment.load(study), tmp_path / "forget.toml"
    with pytest.raises(UnlearnError, match="not written, as no training slice stands out"):
        write_proposal(file, experiment, _found(experiment, 1.0, 0.0, 0.0), "why")
    assert not file.exists()


def test_the_proposal_is_read_back_as_the_sets_of_the_experiment(study, tmp_path):
    """The lines of the proposal take the place of those of the file."""
    before, file = Experiment.load(study), tmp_path / "forget.toml"
    found = _found(before, 9.0, 1.0, 0.0)
    write_proposal(file, before, found, 'A line\n[data] and "another"')
    sets = tomllib.loads(file.read_text())["data"]
    assert all(path.startswith("data/") for paths in sets.values() for path in paths)
    after = before.with_members(sets)
    (forgotten,) = after.samples("forget").scans
    assert forgotten.header.source == found.slices[0].source
    kept = {scan.header.source for scan in after.samples("retain").scans}
    assert kept == {each.source for each in found.slices[1:]}
