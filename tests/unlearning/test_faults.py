"""A run meets a full disk, a damaged file, a second process, too little memory."""

import dataclasses
import json
import signal
import subprocess
import sys

import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.unlearning.claim import claimed
from napari_unlearn.unlearning.events import Alarm, Saved, Started
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.resume import EARLIER, FILE
from tests.faults.limits import needs_limits, room_for
from tests.unlearning.allocator import Allocator


def weights(job):
    return load_checkpoint(job.folder / "checkpoint.safetensors")[0].state_dict()


def same(first, second, tolerance=0.0):
    return all(torch.allclose(first[key], second[key], tolerance, tolerance) for key in first)


@needs_limits
@pytest.mark.parametrize("room", [0, 100, 3000, 20_000])
def test_training_on_a_full_disk_keeps_the_checkpoint_that_is_there(job, room):
    list(train(job))
    before = (job.folder / "checkpoint.safetensors").read_bytes()
    other = dataclasses.replace(job, seed=1)
    with room_for(room), pytest.raises(UnlearnError, match="cannot be written") as caught:
        list(train(other))
    assert "\n" not in str(caught.value)
    assert (job.folder / "checkpoint.safetensors").read_bytes() == before
    assert not list(job.folder.glob(".part.*"))
    list(train(other, resume=True))
    assert load_checkpoint(job.folder / "checkpoint.safetensors")[1].seed == 1
    json.loads((job.folder / "metrics.json").read_text())


def torn(job, saves=2):
    """A run that was killed after so many files to resume from."""
    events, found, last = train(job), 0, None
    for _ in events:
        path = job.folder / FILE
        if path.exists() and path.read_bytes() != last:
            found, last = found + 1, path.read_bytes()
        if found == saves:
            break
    events.close()


@pytest.mark.parametrize("damage", ["a bit", "cut off", "gone", "empty"])
def test_a_damaged_resume_file_gives_way_to_the_one_before(job, tmp_path, damage):
    undisturbed = dataclasses.replace(job, folder=tmp_path / "undisturbed")
    list(train(undisturbed))
    torn(job)
    path = job.folder / FILE
    content = bytearray(path.read_bytes())
    if damage == "a bit":
        content[-100] ^= 4
    path.write_bytes(content if damage == "a bit" else content[: len(content) // 2])
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    started, alarm, *_ = train(job, resume=True)
    assert isinstance(started, Started)
    assert started.resumed_at == job.steps_per_epoch
    assert isinstance(alarm, Alarm)
    assert "goes on from the file before it, step 4" in alarm.message
    assert same(weights(job), weights(undisturbed))
    assert not (job.folder / EARLIER).exists()


def test_the_good_one_of_two_resume_files_is_not_pushed_out(job):
    torn(job)
    (job.folder / FILE).write_bytes(b"damaged")
    events = train(job, resume=True)
    next(events)
    events.close()  # killed again before another file was written
    assert not (job.folder / EARLIER).exists()
    assert next(train(job, resume=True)).resumed_at == job.steps_per_epoch


def test_two_damaged_resume_files_are_one_sentence(job):
    torn(job)
    for name in (FILE, EARLIER):
        (job.folder / name).write_bytes(b"damaged")
    with pytest.raises(UnlearnError, match=r"damaged, the run cannot go on") as caught:
        list(train(job, resume=True))
    assert "\n" not in str(caught.value)


def test_a_second_job_on_the_same_run_is_one_sentence(job):
    first = train(job)
    next(first)
    with pytest.raises(UnlearnError, match="another process is at work on this run") as caught:
        next(train(job))
    assert "\n" not in str(caught.value)
    assert any(isinstance(event, Saved) for event in list(first))  # the first one is not disturbed
    list(train(job))


def test_a_process_that_is_killed_gives_its_run_back(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from napari_unlearn.unlearning.claim import claimed\n"
        "with claimed(Path(sys.argv[1])):\n    print('mine', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "mine\n"
    with pytest.raises(UnlearnError, match="another process"), claimed(tmp_path):
        pass
    child.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    child.wait()
    child.stdout.close()
    with claimed(tmp_path):
        pass


def alarms(events):
    return [event.message for event in events if isinstance(event, Alarm)]


def test_memory_that_runs_out_makes_steps_lighter_and_the_weights_the_same(unlearning, tmp_path):
    job = unlearning("nl-ft")
    allocator = Allocator()
    with allocator.limited(float("inf")):
        list(train(job))
    expected, most = weights(job), allocator.most
    lighter = dataclasses.replace(job, folder=tmp_path / "lighter")
    with allocator.limited(0.6 * most):
        said = alarms(train(lighter))
    assert [text.partition("; from here on ")[2] for text in said] == [
        "activations are computed twice instead of kept, which is slower.",
        "forget and retain sample are passed one after the other.",
    ]
    assert all("ran out of memory in step 1" in text for text in said)
    assert allocator.most < 0.7 * most
    assert same(weights(lighter), expected, 1e-4)


def test_memory_that_never_suffices_is_one_sentence(unlearning):
    with Allocator().limited(1000), pytest.raises(UnlearnError, match="however little") as caught:
        list(train(unlearning("nl-ft")))
    assert "\n" not in str(caught.value)
    assert "ran out of memory in step 1" in str(caught.value)


def test_memory_that_runs_out_while_measuring_is_one_sentence(job, brains):
    def refuse(module, *_):
        if not torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.\nmore")

    tested = dataclasses.replace(job, tests={"retain_test": brains})
    handle = torch.nn.modules.module.register_module_forward_hook(refuse)
    try:
        with pytest.raises(UnlearnError, match="ran out of memory while measuring") as caught:
            list(train(tested))
    finally:
        handle.remove()
    assert "\n" not in str(caught.value)
