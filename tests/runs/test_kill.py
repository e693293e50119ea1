"""kill -9 at any moment of training or unlearning: --resume ends with the same weights."""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_unlearn.cli import main
from napari_unlearn.models.checkpoint import load_checkpoint
from tests.processes import ready
from tests.tiny_study import TOML, write_study

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]
KILLS = 10
TRAIN = ("--role", "original")
UNLEARN = ("--strategy", "salun", "--guard", "1", "--keep-best", "--name", "original-unlearned")


def command(*arguments):
    """The command line, as a process of its own runs it."""
    sys.argv = ["napari-unlearn", *arguments]
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        main()


def die_moving(name, count, after, *arguments):
    """The command line, killed as its file of that name is moved into place, time `count`.

    Just before, when the file is written under another name, or just after.
    """
    calls, real = 0, Path.replace

    def replace(path, target):
        nonlocal calls
        calls += Path(target).name == name
        last = calls == count
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        moved = real(path, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = replace
    command(*arguments)


@pytest.fixture(scope="module")
def processes():
    return ready()


@pytest.fixture(scope="module")
def study(tmp_path_factory, processes):
    """An experiment whose training takes a few seconds, with its original."""
    folder = write_study(tmp_path_factory.mktemp("kill") / "study")
    toml = TOML.replace("epochs = 2", "epochs = 12").replace("steps = 4", "epochs = 12")
    (folder / "experiment.toml").write_text(toml)
    finish(processes, folder, "train")
    return folder


def arguments(study, what):
    options = TRAIN if what == "train" else UNLEARN
    return (what, str(study), *options, "--threads", "1", "--device", "cpu", "--resume")


def run_folder(study, what):
    return study / "runs" / ("original" if what == "train" else "original-unlearned")


def finish(processes, study, what):
    process = processes.Process(target=command, args=arguments(study, what))
    process.start()
    process.join()
    assert process.exitcode == 0


def result(folder):
    figures = json.loads((folder / "metrics.json").read_text())["metrics"]
    return load_checkpoint(folder / "checkpoint.safetensors")[0].state_dict(), {
        key: value for key, value in figures.items() if key != "seconds"
    }


def assert_same(found, expected):
    (weights, figures), (expected_weights, expected_figures) = found, expected
    assert all(torch.equal(weights[key], expected_weights[key]) for key in expected_weights)
    assert figures == expected_figures


def undisturbed(processes, study, what):
    """What the run ends with if nobody disturbs it; its folder is gone afterwards."""
    folder = run_folder(study, what)
    if not folder.exists():
        finish(processes, study, what)
    expected = result(folder)
    shutil.move(folder, study / f"undisturbed-{what}")
    return expected


@pytest.fixture(params=["unlearn", "train"])
def what(request, study):
    """Which command is disturbed; what it left undisturbed is put back afterwards."""
    yield request.param
    folder, kept = run_folder(study, request.param), study / f"undisturbed-{request.param}"
    if kept.exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(kept, folder)


def test_killed_at_ten_random_moments_the_weights_are_the_same(processes, study, what):
    expected = undisturbed(processes, study, what)
    began = time.monotonic()
    finish(processes, study, what)
    longest = time.monotonic() - began  # on this machine, beside whatever else it does
    assert_same(result(run_folder(study, what)), expected)
    shutil.rmtree(run_folder(study, what))
    moments, killed, resumed = random.Random(3), 0, 0
    while killed < KILLS:
        process = processes.Process(target=command, args=arguments(study, what))
        process.start()
        process.join(moments.uniform(0, longest))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        resumed += (run_folder(study, what) / "resume.safetensors").exists()
        if process.exitcode == 0:  # quicker than the moment chosen: the next one starts afresh
            assert_same(result(run_folder(study, what)), expected)
            shutil.rmtree(run_folder(study, what))
    finish(processes, study, what)
    assert resumed >= 3
    assert_same(result(run_folder(study, what)), expected)
    assert not (run_folder(study, what) / "resume.safetensors").exists()


def test_killed_around_every_kind_of_file_the_weights_are_the_same(processes, study, what):
    expected = undisturbed(processes, study, what)
    folder = run_folder(study, what)
    moments = [("resume.safetensors", 1), ("resume.safetensors", 3)]
    moments += [("checkpoint.safetensors", 1), ("metrics.json", 1)]
    for name, count in moments:
        for after in (False, True):
            process = processes.Process(
                target=die_moving, args=(name, count, after, *arguments(study, what))
            )
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            assert (folder / f".part.{name}").exists() != after
            assert (folder / "resume.safetensors").exists() or not after
    finish(processes, study, what)
    assert_same(result(folder), expected)
    assert not list(folder.glob(".part.*"))
