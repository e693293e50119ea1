"""Many runs of one experiment: which, under which names, and what becomes of them."""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

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

pytestmark = pytest.mark.usefixtures("quick_children")
ROOT = Path(__file__).parents[2]


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


def listed(study, tmp_path, *options):
    """The jobs of a sweep, one command per line, and where they lie."""
    strategies = ("--strategy", "nl-ft", "--strategy", "ga", "--set", "scale=0.1,0.7")
    command = ("sweep", study, *strategies, "--steps", 2, "--device", "cpu", "--threads", 1)
    done = run(*command, *options, "--list")
    (tmp_path / "jobs.txt").write_text(done.stdout)
    return [shlex.split(line) for line in done.stdout.splitlines()], command


def block(language, word):
    """The text of docs/cluster.md in that language that holds a word."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return next(each for each in blocks if word in each)


@pytest.fixture
def anew(study, tmp_path):
    """The experiment with its original and no other run."""
    folder = tmp_path / "study"
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns("nl-ft*", "ga*", "ft*", "npo*"))
    return folder


@pytest.fixture(autouse=True)
def this_checkout(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_a_listed_job_says_all_that_its_order_says(anew, tmp_path):
    jobs, _ = listed(anew, tmp_path, "--retain-fractions", "30")
    assert [job[job.index("--name") + 1] for job in jobs] == [
        "nl-ft+scale=0.1@0.3",
        "nl-ft+scale=0.7@0.3",
        "ga",
    ]
    for job in jobs:
        assert job[:5] == [sys.executable, "-m", "napari_unlearn", "unlearn", str(anew.resolve())]
        assert job[-1] == "--resume"
    again, _ = listed(anew, tmp_path, "--again")
    assert "--resume" not in again[0]
    assert not list(anew.glob("runs/nl-ft*"))


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_what_the_docs_say_of_xargs_and_slurm_carries_the_jobs_out(anew, tmp_path):
    jobs, command = listed(anew, tmp_path)
    assert len(jobs) == 3
    (tmp_path / "array.sh").write_text(block("sh", "SLURM_ARRAY_TASK_ID"))
    env = {**os.environ, "SLURM_ARRAY_TASK_ID": "2"}
    subprocess.run(["bash", "array.sh"], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert [path.name for path in anew.glob("runs/nl-ft*")] == ["nl-ft+scale=0.7"]
    xargs = next(line for line in block("sh", "xargs").splitlines() if line.startswith("xargs"))
    subprocess.run(["bash", "-c", xargs], cwd=tmp_path, check=True, capture_output=True)
    said = " ".join(run(*command).stderr.split())
    assert said.count("already finished, skipped.") == 3


@pytest.mark.long
def test_what_the_docs_say_of_submitit_carries_the_jobs_out(anew, tmp_path):
    pytest.importorskip("submitit")
    jobs, command = listed(anew, tmp_path)
    (tmp_path / "submit.py").write_text(block("python", "import submitit"))
    subprocess.run([sys.executable, "submit.py"], cwd=tmp_path, check=True, capture_output=True)
    assert " ".join(run(*command).stderr.split()).count("already finished, skipped.") == len(jobs)
