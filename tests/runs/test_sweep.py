"""Many runs of one experiment: which, under which names, and what becomes of them."""

import dataclasses

import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.paper_runs import fraction_of
from napari_unlearn.experiment import Experiment
from napari_unlearn.runs.order import Order, carry_out
from napari_unlearn.runs.queue import Ended, Told, work_off
from napari_unlearn.runs.sweep import left_to_do, sweep
from napari_unlearn.unlearning.events import EpochEnd, Started, Step
from napari_unlearn.unlearning.loop import train
from tests.test_cli import run
from tests.tiny_study import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("sweep") / "study")
    list(train(Experiment.load(folder).training_job("original", device="cpu")))
    return folder


@pytest.fixture
def template(study):
    return Order(study, "", device="cpu")


def names(orders):
    return [order.run for order in orders]


def test_a_sweep_is_the_product_under_names_that_the_papers_tables_read(template):
    values = {"scale": [0.3, 1], "decay": [0.4]}
    orders = sweep(template, ["nl-ft", "ft"], [0.01, 0.5, 1], values)
    assert names(orders) == [
        "nl-ft@0.01",
        "nl-ft+scale=1@0.01",
        "nl-ft",  # 0.3 is the strategy's default, 0.5 the experiment's fraction
        "nl-ft+scale=1",
        "nl-ft@1",
        "nl-ft+scale=1@1",
        "ft@0.01",  # fine-tuning has no scale
        "ft",
        "ft@1",
    ]
    assert fraction_of("nl-ft+scale=1@0.01") == ("nl-ft+scale=1", 0.01)
    assert orders[1].values == {"scale": 1, "decay": 0.4}
    assert orders[1].retain_fraction == 0.01


def test_a_fraction_that_changes_nothing_makes_no_further_run(template):
    orders = sweep(template, ["ga", "full-ft"], [0.01, 0.05, 1])
    assert names(orders) == ["ga", "full-ft"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((["prophet"],), "prophet"),
        ((["ft"], [0.0]), "0 %"),
        ((["ft"], [1.5]), "150 %"),
        ((["ft"], [], {"scale": [1]}), "parameter 'scale'"),
        ((["nl-ft"], [], {"scale": [1, 99]}), "scale"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_before_any_run(template, arguments, said):
    with pytest.raises(UnlearnError, match=said):
        sweep(template, *arguments)


def test_finished_runs_are_skipped_and_unfinished_ones_resumed(template):
    finished, unfinished, new = sweep(dataclasses.replace(template, steps=8), ["ft", "nl-ft", "ga"])
    list(carry_out(finished, CancelToken()))
    for event in (events := carry_out(unfinished, CancelToken())):
        if isinstance(event, EpochEnd) and event.epoch == 2:
            events.close()
            break
    todo, (remark,) = left_to_do([finished, unfinished, new])
    assert todo == [dataclasses.replace(unfinished, resume=True), new]
    assert remark == "ft: already finished, skipped."
    started = next(carry_out(todo[0], CancelToken()))
    assert isinstance(started, Started)
    assert started.resumed_at > 0
    assert left_to_do([finished, unfinished, new], again=True) == (
        [finished, unfinished, new],
        [],
    )
    (remark,) = left_to_do([dataclasses.replace(finished, steps=9)])[1]
    assert "other settings" in remark


@pytest.mark.long
def test_one_failure_does_not_stop_the_others_and_the_next_sweep_only_makes_up_for_it(study):
    (study / "runs" / "npo").write_text("in the way")
    command = ("sweep", study, "--strategy", "npo", "--strategy", "ga", "--strategy", "ft")
    command = (*command, "--retain-fractions", "100", "--steps", 2, "--jobs", 2, "--threads", 1)
    done = run(*command, code=1)
    said = " ".join(done.stderr.split())
    assert "npo: failed," in said
    assert "ga: finished, 2 steps" in said
    assert "ft@1: finished, 2 steps" in said
    assert "1 of 3 runs failed" in said
    (study / "runs" / "npo").unlink()
    said = " ".join(run(*command).stderr.split())
    assert "ga: already finished, skipped." in said
    assert "ft@1: already finished, skipped." in said
    assert "npo: finished, 2 steps" in said
    assert {"npo", "ga", "ft@1"} <= set(Experiment.load(study).runs)


def test_a_stopped_queue_keeps_what_runs_and_starts_no_more(template):
    orders = sweep(dataclasses.replace(template, steps=100_000), ["scrub", "salun"])
    token, ended = CancelToken(), []
    for told in work_off(orders, token, threads=1):
        if isinstance(told, Told) and isinstance(told.event, Step):
            token.cancel()
        if isinstance(told, Ended):
            ended.append(told)
    assert [(end.run, end.outcome) for end in ended] == [("scrub", "stopped"), ("salun", "stopped")]
    assert "The model so far is kept." in ended[0].sentence
    assert ended[1].sentence == "not started."
    assert "scrub" in Experiment.load(template.experiment).runs
    assert not (template.experiment / "runs" / "salun").exists()


@pytest.mark.parametrize(
    "option", [("--retain-fractions", "few"), ("--set", "scale"), ("--set", "scale=a,b")]
)
def test_wrong_use_of_sweep_is_exit_code_2(study, option):
    run("sweep", study, "--strategy", "nl-ft", *option, code=2)
