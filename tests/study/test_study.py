"""The whole study in miniature: one network of a thousand weights, two seeds."""

import dataclasses
import json
import shutil

import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.paper_runs import swept_runs
from napari_unlearn.evaluation.results import read_results
from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint, sha256
from napari_unlearn.study.pieces import (
    RESULTS,
    Judgement,
    PieceDone,
    Run,
    carry_out_runs,
    judge_seed,
)
from napari_unlearn.study.study import OURS, PAPER_STRATEGIES, Plan, _unlearnings, study
from napari_unlearn.unlearning.events import EpochEnd
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.record import CHECKPOINT
from napari_unlearn.unlearning.resume import FILE as RESUME
from napari_unlearn.unlearning.strategies import strategies_for
from tests.tiny_study import write_study

TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
PLAN = Plan(
    seeds=2,
    scale=0.01,
    strategies=("ft", "nl-ft", "zero-filled"),
    fractions=(0.5, 1.0),
    changes={
        "model": {"parameters": TINY},
        "training": {"epochs": 1},
        "unlearning": {"steps": 2},
    },
)


@pytest.fixture
def experiment(tmp_path):
    """With an original, and a test set that stands for knees."""
    folder = write_study(tmp_path / "seed-0")
    file = folder / "experiment.toml"
    file.write_text(file.read_text().replace("site_test", "forget_test", 1))
    list(carry_out_runs((Run(folder, "original"), Run(folder, "oracle")), CancelToken()))
    return folder


def done(experiment, *runs):
    return list(carry_out_runs(runs, CancelToken()))


def test_a_whole_run_is_not_repeated_but_one_with_other_settings_is(experiment):
    plain = Run(experiment, "ft")
    (first,) = done(experiment, plain)
    checkpoint = experiment / "runs" / "ft" / CHECKPOINT
    before = checkpoint.stat().st_mtime_ns
    (second,) = done(experiment, plain)
    assert (first.found, second.found) == (False, True)
    assert checkpoint.stat().st_mtime_ns == before
    (third,) = done(experiment, dataclasses.replace(plain, values=(("decay", 0.0),)))
    assert not third.found


def test_a_torn_run_goes_on_to_the_weights_of_an_undisturbed_one(experiment):
    runs = [Run(experiment, "ft", epochs=3, run_name=name) for name in ("whole", "torn")]
    done(experiment, runs[0])
    token = CancelToken()
    for event in train(runs[1].job(), token):
        if isinstance(event, EpochEnd):
            token.cancel()
    assert (experiment / "runs" / "torn" / RESUME).exists()
    (after,) = done(experiment, runs[1])
    assert not after.found
    job = runs[1].job()
    steps = json.loads((job.folder / "metrics.json").read_text())["metrics"]["steps"]
    assert steps == job.total_steps
    whole, torn = (read_weights(experiment / "runs" / n / CHECKPOINT) for n in ("whole", "torn"))
    assert all(bool((whole[key] == torn[key]).all()) for key in whole)


def test_a_run_stopped_before_its_first_step_is_not_whole(experiment):
    token = CancelToken()
    for _ in train(Run(experiment, "ft").job(), token):
        token.cancel()
    assert (experiment / "runs" / "ft" / CHECKPOINT).exists()
    assert [event.found for event in done(experiment, Run(experiment, "ft"))] == [False]


def read_weights(path):
    return load_checkpoint(path)[0].state_dict()


def test_a_run_that_fails_is_a_sentence_and_the_next_one_runs(experiment):
    wrong = Run(experiment, "ft", values=(("no such thing", 1.0),), run_name="wrong")
    first, second = done(experiment, wrong, Run(experiment, "ft"))
    assert "no parameter 'no such thing'" in first.problem
    assert second.problem == ""


def test_a_judgement_is_repeated_only_if_a_run_has_changed(experiment):
    done(experiment, Run(experiment, "ft"))
    piece = Judgement(experiment)
    (first,) = judge_seed(piece, CancelToken())
    results = read_results(experiment / RESULTS)
    assert {result.name for result in results} == {"original", "oracle", "ft"}
    assert "forget" in results[0].sets
    if not first.problem:  # else the oracle happened to be better: nothing to relearn
        assert [event.found for event in judge_seed(piece, CancelToken())] == [True]
    done(experiment, Run(experiment, "nl"))
    assert [event.found for event in judge_seed(piece, CancelToken())] == [False]


def test_every_strategy_runs_once_and_the_papers_and_ours_on_every_seed(experiment):
    other = experiment.parent / "seed-1"
    names = [run.name for _, run in _unlearnings([experiment, other], Plan())]
    assert len(set(names)) == len(names)
    assert {f"seed-0 {name}" for name in strategies_for("reconstruction")} <= set(names)
    on_second = {name.split()[1] for name in names if name.startswith("seed-1")}
    assert on_second == {*PAPER_STRATEGIES, *OURS}
    assert "seed-0 nl-ft@0.05" in names
    assert "seed-0 ft@1" not in names  # that is full-ft


def test_full_ft_is_ft_on_the_whole_retain_set_in_table_3(experiment):
    done(experiment, Run(experiment, "full-ft"), Run(experiment, "ft", run_name="ft@0.5"))
    list(judge_seed(Judgement(experiment), CancelToken()))
    swept = swept_runs(read_results(experiment / RESULTS))
    assert {f: run.name for f, run in swept["ft"].items()} == {0.5: "ft@0.5", 1.0: "full-ft"}


def test_the_papers_strategies_keep_the_papers_setting(experiment):
    runs = {run.name: run for _, run in _unlearnings([experiment], Plan())}
    job = runs["seed-0 nl-ft"].job()
    assert job.strategy.schedule.decay == 0
    assert job.total_steps == 5 * job.steps_per_epoch
    ours = runs["seed-0 zero-filled"].job()
    assert ours.total_steps == Experiment.load(experiment).unlearning.steps


def test_a_study_without_seeds_is_refused():
    with pytest.raises(UnlearnError, match="0 seeds"):
        Plan(seeds=0)


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UnlearnError, match="something else"):
        next(study(tmp_path, PLAN))


def stop_after(name, folder):
    token = CancelToken()
    for event in study(folder, PLAN, 2, token):
        if isinstance(event, PieceDone) and event.name == name:
            token.cancel()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_study_is_whole_and_goes_on_where_it_was_stopped(tmp_path):
    folder = tmp_path / "study"
    with pytest.raises(UnlearnError):
        stop_after("seed-0 original", folder)
    *events, last = study(folder, PLAN, 2)
    found = {event.name: event.found for event in events if isinstance(event, PieceDone)}
    assert found["seed-0 original"]
    assert {"seed-1 zero-filled", "seed-0 nl-ft@0.5", "seed-1"} <= set(found)
    assert set(last.seconds) == {"simulate", "train", "unlearn", "judge", "report"}

    names = {path.name for path in (folder / "paper").iterdir()}
    assert {"tables.md", "figure1.png", "figure1.svg", "figure3.svg", "figure5.png"} <= names
    report = StudyReport.read(folder / "results.json")
    assert report.sittings == 2
    assert report.seeds == (0, 1)
    assert (folder / "results.md").read_text() == report.markdown()
    assert "Table 3" in report.tables
    seeds = [sha256(folder / f"seed-{n}" / "runs" / "original" / CHECKPOINT) for n in (0, 1)]
    assert seeds[0] != seeds[1]

    shutil.rmtree(folder / "seed-1" / "runs" / "ft")
    again = [event for event in study(folder, PLAN, 1) if isinstance(event, PieceDone)]
    repeated = {event.name for event in again if not (event.found or event.problem)}
    assert "seed-1 ft" in repeated
    assert repeated <= {"seed-1 ft", "seed-0", "seed-1"}

    with pytest.raises(UnlearnError, match=r"at scale 0\.01"):
        next(study(folder, dataclasses.replace(PLAN, scale=1.0)))
