"""Ctrl-C at any moment: a sentence, exit code 130, and the run can be resumed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_unlearn.models.checkpoint import load_checkpoint
from tests.tiny_study import TOML, write_study

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGINT reaches no single process there"),
]
MOMENTS = 4
EARLIEST = 0.15
"""Seconds that Python itself needs before any line of ours runs."""
ENDS = (130, -signal.SIGINT)
"""What a shell calls 130: Python ends itself by the signal where it met code that C was running."""


def start(study, *arguments):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-m", "napari_unlearn", *arguments[:1], str(study), *arguments[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Whoever was started in a shell's background ignores it, and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def weights(path):
    return load_checkpoint(path)[0].state_dict()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("interrupt") / "study")
    (folder / "experiment.toml").write_text(TOML.replace("epochs = 2", "epochs = 30"))
    return folder


def test_interrupted_at_random_moments_training_ends_with_the_same_weights(study):
    options = ("train", "--role", "original", "--threads", "1", "--device", "cpu", "--resume")
    began = time.monotonic()
    whole = start(study, *options)
    assert whole.communicate()[0] is not None
    lasted = time.monotonic() - began
    assert whole.returncode == 0
    path = study / "runs" / "original" / "checkpoint.safetensors"
    expected = weights(path)
    moments, interrupted = random.Random(5), 0
    for _ in range(MOMENTS):
        process = start(study, *options)
        time.sleep(moments.uniform(EARLIEST, lasted))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if process.returncode == 0:  # it was done already
            continue
        if process.returncode == -signal.SIGINT:  # before any line of ours ran
            assert "napari_unlearn/" not in said
            continue
        interrupted += 1
        assert process.returncode in ENDS, said
        assert said.strip().splitlines()[-1].startswith("Interrupted; ")
        assert "Traceback" not in said
    assert interrupted >= MOMENTS // 2
    last = start(study, *options)
    last.communicate()
    assert last.returncode == 0
    found = weights(path)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert not list(path.parent.glob(".part.*"))


def test_an_interrupted_evaluation_is_one_sentence(study):
    if not (study / "runs" / "original" / "checkpoint.safetensors").exists():
        start(
            study, "train", "--role", "original", "--epochs", "1", "--device", "cpu"
        ).communicate()
    process = start(study, "evaluate", "--json", str(study / "r.json"), "--device", "cpu")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode != 0:
        assert process.returncode in ENDS, said
        assert said.strip().splitlines()[-1] == "Interrupted; nothing is half-written."
    assert not list(study.rglob(".part.*"))
