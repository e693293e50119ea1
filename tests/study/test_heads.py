"""The study of heads in miniature."""

import dataclasses
import shutil

import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.subject_report import SubjectReport
from napari_unlearn.evaluation.subject_runs import SIX
from napari_unlearn.experiment import Experiment
from napari_unlearn.study.heads import (
    BEST,
    EPOCHS,
    HeadsPlan,
    study_heads,
    trainings,
    unlearnings,
)
from napari_unlearn.study.pieces import (
    RESULTS,
    Judgement,
    PieceDone,
    Run,
    carry_out_runs,
    judge_subjects_of_seed,
)
from napari_unlearn.study.stages import StudyDone
from napari_unlearn.unlearning.strategies import strategies_for
from tests.tiny_heads import write_heads

TINY_MODEL = {
    "depth": 10,
    "in_channels": 3,
    "classes": 11,
    "width": 2,
    "widest": 4,
    "stem_stride": 4,
}
PLAN = HeadsPlan(
    seeds=2,
    scale=0.01,
    epochs=(1, 2),
    elsewhere=(1,),
    strategies=("noisy-label", "ft", "ssd", "as-stranger"),
    changes={"model": {"parameters": TINY_MODEL}, "training": {"epochs": 1, "test_every": 1}},
)


@pytest.fixture
def folder(tmp_path):
    return write_heads(tmp_path / "seed-0")


def test_original_and_oracle_take_equally_many_steps(folder):
    jobs = [run.job() for _, run in trainings([folder])]
    assert [job.card.role for job in jobs] == ["original", "oracle"]
    assert [job.total_steps for job in jobs] == [10, 10]
    assert [len(job.retain) for job in jobs] == [5, 3]


def test_every_strategy_runs_at_every_budget_on_the_first_seed(folder):
    names = [run.name for _, run in unlearnings([folder, folder.parent / "seed-1"], HeadsPlan())]
    assert len(set(names)) == len(names)
    first = {name.split()[1] for name in names if name.startswith("seed-0")}
    second = {name.split()[1] for name in names if name.startswith("seed-1")}
    for name, entry in strategies_for("segmentation").items():
        if name == "full-ft":  # all of the retain set is used anyway
            assert not {"full-ft@20", "full-ft@50"} & first
        elif entry.trains:
            assert {f"{name}@{count}" for count in EPOCHS} <= first
        else:
            assert name in first
    assert {f"{name}-fixed@{count}" for name in SIX for count in EPOCHS} <= first
    assert {f"{name}@20" for name in SIX} <= second
    assert {f"{BEST}@{count}" for count in EPOCHS} <= second
    assert not [name for name in second if "fixed" in name or name.startswith("ft")]


def test_budgets_and_the_fixed_decoder_reach_the_jobs(folder):
    list(carry_out_runs((Run(folder, "original"),), CancelToken()))
    runs = {run.run_name: (cost, run) for cost, run in unlearnings([folder], HeadsPlan())}
    cost, run = runs["max-loss-fixed@50"]
    job = run.job()
    assert job.total_steps == 50 * 3  # three retain subjects
    assert cost == 2 * job.total_steps
    assert job.strategy.scope.fix_decoder == 1
    assert runs["max-loss@20"][1].job().strategy.scope.fix_decoder == 0
    assert runs["ga@20"][1].job().total_steps == 40  # two subjects to forget


def test_a_seed_is_judged_again_only_if_a_run_has_changed(folder):
    list(carry_out_runs((Run(folder, "original"), Run(folder, "oracle")), CancelToken()))
    piece = Judgement(folder)
    assert [event.found for event in judge_subjects_of_seed(piece, CancelToken())] == [False]
    assert (folder / RESULTS).exists()
    assert [event.found for event in judge_subjects_of_seed(piece, CancelToken())] == [True]
    list(carry_out_runs((Run(folder, "ft", epochs=1),), CancelToken()))
    assert [event.found for event in judge_subjects_of_seed(piece, CancelToken())] == [False]


def test_a_study_without_seeds_is_refused():
    with pytest.raises(UnlearnError, match="0 seeds"):
        HeadsPlan(seeds=0)


def stop_after(name, folder):
    token = CancelToken()
    for event in study_heads(folder, PLAN, 2, token):
        if isinstance(event, PieceDone) and event.name == name:
            token.cancel()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_study_is_whole_and_goes_on_where_it_was_stopped(tmp_path):
    place = tmp_path / "study"
    with pytest.raises(UnlearnError):
        stop_after("seed-0 original", place)
    *events, last = study_heads(place, PLAN, 2)
    found = {event.name: event.found for event in events if isinstance(event, PieceDone)}
    assert found["seed-0 original"]
    assert {
        "seed-0 noisy-label@1", "seed-0 noisy-label-fixed@2", "seed-0 ft@2", "seed-0 ssd",
        "seed-1 noisy-label@1", "seed-1 as-stranger@2", "seed-1",
    } <= set(found)  # fmt: skip
    assert "seed-1 noisy-label@2" not in found
    assert isinstance(last, StudyDone)
    assert set(last.seconds) == {"simulate", "train", "unlearn", "judge", "report"}

    report = SubjectReport.read(place / "results.json")
    assert (report.sittings, report.seeds, report.best) == (2, (0, 1), "as-stranger")
    assert (place / "results.md").read_text() == report.markdown()
    assert "| Noisy Label, Fix Decoder | 2 | 1 |" in report.markdown()
    assert "brain stem" in report.tables
    assert {"structures.png", "structures.svg"} <= {path.name for path in place.iterdir()}
    seeds = [Experiment.load(place / f"seed-{number}") for number in (0, 1)]
    assert [seed.seed for seed in seeds] == [0, 1]

    shutil.rmtree(place / "seed-1" / "runs" / "noisy-label@1")
    again = [event for event in study_heads(place, PLAN, 1) if isinstance(event, PieceDone)]
    repeated = {event.name for event in again if not event.found}
    assert "seed-1 noisy-label@1" in repeated
    assert repeated <= {"seed-1 noisy-label@1", "seed-1"}

    with pytest.raises(UnlearnError, match=r"a study of heads at scale 0\.01"):
        next(study_heads(place, dataclasses.replace(PLAN, scale=1.0)))
