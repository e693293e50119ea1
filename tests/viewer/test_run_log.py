from pathlib import Path

import numpy as np
import pytest

from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.events import (
    EpochEnd,
    Finished,
    Paused,
    Preview,
    Saved,
    Started,
    Step,
)
from napari_unlearn.viewer.run_log import RunLog

CHECKPOINT = Path("checkpoint.safetensors")


@pytest.fixture
def log():
    log = RunLog(Order(Path("experiment.toml"), "ft"), "ft", steps_per_epoch=4)
    log.take(Started("Fine-tuning", 10, "CPU"))
    return log


def test_pictures_of_epochs_are_kept_and_others_pass(log):
    first, second = np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)
    log.take(Preview(0, first, epoch=0))
    log.take(Preview(3, second))
    assert list(log.previews) == [0]
    assert log.preview is second


def test_a_pause_is_told_by_its_events(log):
    log.take(Step(1, 10, 1, 0.5, 0.1, 0.9))
    log.take(Paused(1))
    assert log.state == "paused"
    log.take(Paused(1, resumed=True))
    assert log.state == "running"


def test_the_last_epoch_may_be_cut_short(log):
    log.take(EpochEnd(3, 0.1, {"retain_test_psnr": 30.0}, 2.0))
    assert (log.place(2), log.place(3)) == (2.0, 2.5)
    assert log.figures(3) == {"retain_test_psnr": 30.0}
    assert log.figures(2) == {}


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Finished(10, 1.0, CHECKPOINT), "finished"),
        (Finished(5, 1.0, CHECKPOINT, stopped=True), "kept"),
        (Finished(5, 1.0, None, stopped=True), "aborted"),
    ],
)
def test_how_a_run_ended(log, event, state):
    log.take(event)
    assert log.state == state
    assert log.over
    assert log.checkpoint == event.path


def test_a_saved_checkpoint_is_known_before_the_end(log):
    log.take(Saved(CHECKPOINT, 5))
    assert log.checkpoint == CHECKPOINT
    assert not log.over
