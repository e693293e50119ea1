"""Two processes that share a run: the figures of one, one sentence if one of them is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from napari_unlearn.cli import INTERRUPTED
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.record import EVENTS, METRICS
from napari_unlearn.unlearning.resume import FILE
from tests.test_cli import run
from tests.tiny_study import TOML, write_study

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="needs gloo, SIGKILL and torchrun"),
]
TOLERANCE = 1e-6
"""Relative, of losses, figures and weights; two summands round alike in either order."""
TRAIN = ("train", "--role", "original")
UNLEARN = ("unlearn", "--strategy", "refit-ignorant")
ROOT = Path(__file__).parents[2]


def words(command, study):
    name, *options = command
    return [name, str(study), *options, "--device", "cpu", "--threads", "1"]


def begin(*arguments, torchrun=False, count=2):
    """Several processes, under torchrun or under our own launcher."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(count), "-m"]
    before = launcher if torchrun else []
    after = [] if torchrun else ["--processes", str(count)]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", *before, "napari_unlearn", *arguments, *after],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT,
    )


def finish(process, code=0):
    said = "".join(process.communicate(timeout=120))
    assert process.returncode == code, said
    return " ".join(said.split())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Batches of two; long enough to be killed in the middle."""
    folder = write_study(tmp_path_factory.mktemp("together") / "study")
    toml = TOML.replace("epochs = 2", "epochs = 40\nbatch_size = 2\ntest_every = 20")
    toml = toml.replace("steps = 4", "steps = 6\nbatch_size = 2")
    (folder / "experiment.toml").write_text(toml)
    return folder


@pytest.fixture(scope="module")
def alone(study, tmp_path_factory):
    """The same experiment, carried out by one process."""
    folder = tmp_path_factory.mktemp("alone") / "study"
    shutil.copytree(study, folder)
    for command in (TRAIN, UNLEARN):
        run(*words(command, folder))
    return folder / "runs"


def result(folder):
    metrics = json.loads((folder / METRICS).read_text())
    model, _ = load_checkpoint(folder / "checkpoint.safetensors")
    figures = {key: value for key, value in metrics["metrics"].items() if key != "seconds"}
    events = [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "EpochEnd"]
    return model.state_dict(), figures, losses


def assert_same(found, expected):
    (weights, figures, losses), (other_weights, other_figures, other_losses) = found, expected
    for name, weight in weights.items():
        assert torch.allclose(weight, other_weights[name], rtol=TOLERANCE, atol=TOLERANCE), name
    assert figures == pytest.approx(other_figures, rel=TOLERANCE)
    assert losses == pytest.approx(other_losses, rel=TOLERANCE)


def test_two_processes_under_torchrun_train_as_one(study, alone):
    said = finish(begin(*words(TRAIN, study), torchrun=True))
    assert said.count("written.") == 1
    assert "120 steps in" in said
    assert "of all the time arithmetic" in said
    assert_same(result(study / "runs" / "original"), result(alone / "original"))


def test_two_processes_unlearn_as_one(study, alone):
    shutil.copytree(alone / "original", study / "runs" / "original", dirs_exist_ok=True)
    said = finish(begin(*words(UNLEARN, study)))
    assert said.count("written.") == 1
    assert_same(result(study / "runs" / "refit-ignorant"), result(alone / "refit-ignorant"))


@pytest.mark.parametrize("rank", [0, 1])
def test_if_one_is_killed_the_run_ends_in_one_sentence_and_resumes(study, alone, rank):
    folder = study / "runs" / "original"
    shutil.rmtree(folder, ignore_errors=True)
    process = begin(*words(TRAIN, study))
    wait_for(lambda: (folder / FILE).exists())
    victims = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.environ().get("RANK") == str(rank)
    ]
    victims[0].send_signal(signal.SIGKILL)
    began = time.monotonic()
    said = finish(process, code=1)
    assert time.monotonic() - began < 30
    assert said.endswith(
        f"Process {rank + 1} of 2 was killed (signal 9), by a person or because memory ran out, "
        "which ended the run. What was saved is kept, and --resume goes on from there."
    )
    assert "Traceback" not in said
    assert "Another process" not in said
    if rank == 0:
        finish(begin(*words(TRAIN, study), "--resume"))
    else:
        run(*words(TRAIN, study), "--resume")  # one process goes on from what two began
    assert_same(result(folder), result(alone / "original"))


def test_under_torchrun_the_one_that_is_left_says_so(study):
    folder = study / "runs" / "original"
    shutil.rmtree(folder, ignore_errors=True)
    process = begin(*words(TRAIN, study), torchrun=True)
    wait_for(lambda: (folder / FILE).exists())
    victim = next(
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.environ().get("RANK") == "0"
    )
    victim.send_signal(signal.SIGKILL)
    said = finish(process, code=1)
    assert said.count("and --resume goes on from there.") == 1


def test_ctrl_c_ends_all_processes_in_one_sentence(study):
    shutil.rmtree(study / "runs" / "original", ignore_errors=True)
    process = begin(*words(TRAIN, study))
    wait_for(lambda: (study / "runs" / "original" / FILE).exists())
    processes = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said = finish(process, code=INTERRUPTED)
    assert said.endswith("Interrupted. What was saved is kept, and --resume goes on from there.")
    assert said.count("Interrupted") == 1
    assert "Traceback" not in said
    psutil.wait_procs(processes, timeout=10)
    assert not any(each.is_running() for each in processes)


def test_what_cannot_be_shared_equally_is_refused(study):
    said = finish(begin(*words(TRAIN, study), count=3), code=2)
    assert said.startswith("A batch_size of 2 cannot be shared by 3 processes")
    assert said.endswith("or another number of processes.")


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
