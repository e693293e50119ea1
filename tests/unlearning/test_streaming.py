"""Data sets larger than memory: what is read, what stays, what is asked twice."""

import dataclasses
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from napari_unlearn.evaluation.highlights import calibrate
from napari_unlearn.experiment.shelved_scan import Volumes, open_shelved
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.open import find_scans, open_scan
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import Header, MemoryScan
from napari_unlearn.recent import Recent
from napari_unlearn.unlearning.ahead import Ahead
from napari_unlearn.unlearning.answers import Answers
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.loop import train
from napari_unlearn.unlearning.pixels import Pixels
from napari_unlearn.unlearning.stopwatch import Stopwatch

FILES, SLICES, COILS, SIZE = 8, 16, 8, 160
BYTES = FILES * SLICES * COILS * SIZE * SIZE * 8
"""Of k-space in all files, 210 MB."""
BUDGET = BYTES // 6


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    numbers = np.random.default_rng(0).standard_normal((2, SLICES, COILS, SIZE, SIZE), np.float32)
    kspace = (numbers[0] + 1j * numbers[1]).astype(np.complex64)
    targets = np.abs(kspace[:, 0])
    for number in range(FILES):
        header = Header(f"scan{number}", SLICES, COILS, SIZE, SIZE, SIZE, SIZE)
        write_fastmri(folder / f"scan{number}.h5", MemoryScan(header, kspace, targets))
    return folder


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="bytes are counted by Linux")
def test_a_set_six_times_larger_than_its_budget_is_streamed(files):
    samples = SliceSet([open_scan(path) for path in find_scans(files)], Sampling("equispaced", 4))
    process = psutil.Process()
    before = peak = process.memory_info().rss
    began = bytes_read()
    reader = Ahead(lambda name, place: samples.batch(place, seed=place))
    for place in range(len(samples)):
        batch = reader.get("retain", place, place + 1 if place + 1 < len(samples) else None)
        assert batch.kspace.shape == (1, COILS, SIZE, SIZE)
        peak = max(peak, process.memory_info().rss)
    assert peak - before < BUDGET
    # Beside every slice and its reference once: a slice per scan, to see which columns it holds.
    assert BYTES < bytes_read() - began < 1.3 * BYTES


def bytes_read():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


def test_the_next_sample_is_read_ahead_and_nothing_else():
    asked = []

    def read(name, number):
        asked.append((name, number))
        return number

    ahead = Ahead(read)
    assert [ahead.get("retain", 0, 1), ahead.get("retain", 1, 2)] == [0, 1]
    assert ahead.get("forget", 1, None) == 1
    assert ahead.get("retain", 7, 8) == 7  # not the one that was expected
    assert ahead.get("retain", 8, None) == 8
    assert sorted(asked) == [("forget", 1)] + [("retain", n) for n in (0, 1, 2, 7, 8)]


def test_a_mistake_in_a_sample_read_ahead_is_told_when_it_is_its_turn():
    def read(name, number):
        if number == 1:
            raise ValueError("damaged")
        return number

    ahead = Ahead(read)
    assert ahead.get("retain", 0, 1) == 0
    with pytest.raises(ValueError, match="damaged"):
        ahead.get("retain", 1, 2)


def test_what_was_not_asked_for_longest_goes_first():
    made = []

    def make(key):
        made.append(key)
        return b"12345"

    recent = Recent(12, len)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, lambda key=key: make(key))
    assert made == ["a", "b", "c", "b"]
    assert (len(recent), recent.bytes) == (2, 10)
    recent.get("large", lambda: bytes(13))
    assert (len(recent), recent.bytes) == (2, 10)


def test_answers_are_kept_as_tensors_or_several_without_a_gradient():
    answers, asked = Answers(torch.device("cpu"), most=100), []

    def make():
        asked.append(1)
        return torch.ones(3, requires_grad=True) * 2

    one, again = answers.get("one", make), answers.get("one", make)
    assert (len(asked), one.requires_grad) == (1, False)
    assert torch.equal(one, again)
    assert [*map(len, answers.get("two", lambda: (torch.ones(2), torch.ones(4))))] == [2, 4]


def test_the_percentile_of_few_pixels_is_exact_and_of_many_is_near(rng):
    maps = [rng.random((1, 40, 50)).astype(np.float32) for _ in range(8)]
    several = [Pixels(), Pixels()]
    bounded = Pixels(3000)
    for number, each in enumerate(maps):
        several[number % 2].add(each)
        bounded.add(each)
    exact = calibrate(maps)
    assert Pixels.joined(several).percentile(99) == exact
    assert len(bounded) <= 3000
    assert bounded.percentile(99) == pytest.approx(exact, rel=0.02)
    assert len(Pixels.joined([bounded, several[0]])) == 2000 + 8000 // bounded.stride


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("name", ["npo-ft", "bad-teacher", "scrub", "refit-ignorant"])
def test_no_teacher_is_asked_twice_about_the_same_sample(name, unlearning, monkeypatch):
    """Two slices with at most four masks: 40 steps ask far less often than 40 times."""
    asked = []
    real = Answers.get

    def get(answers, key, make):
        return real(answers, key, lambda: (asked.append(key), make())[1])

    monkeypatch.setattr(Answers, "get", get)
    list(train(unlearning(name, steps=40)))
    assert 0 < len(asked) == len(set(asked)) < 25


def test_forgotten_answers_are_made_again_and_change_nothing(unlearning, tmp_path, monkeypatch):
    weights, _ = load_checkpoint(list(train(unlearning("npo-ft", steps=12)))[-1].path)
    monkeypatch.setattr("napari_unlearn.unlearning.answers.SHARE", 0.0)
    job = dataclasses.replace(unlearning("npo-ft", steps=12), folder=tmp_path / "again")
    again, _ = load_checkpoint(list(train(job))[-1].path)
    for one, other in zip(weights.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_parts_of_the_time_add_up_and_inner_ones_are_taken_off():
    watch = Stopwatch()
    with watch.on("arithmetic"), watch.on("data"):
        sum(range(300_000))
    assert watch.seconds["data"] > 10 * watch.seconds["arithmetic"] > 0
    assert list(watch.shares) == ["arithmetic", "data"]
    assert sum(watch.shares.values()) == pytest.approx(1)


def test_a_run_tells_where_its_time_went(unlearning, brains):
    job = dataclasses.replace(unlearning("npo-ft", steps=4), tests={"retain_test": brains})
    shares = list(train(job))[-1].shares
    assert {"arithmetic", "teachers", "data", "evaluation", "files"} <= set(shares)
    assert next(iter(shares)) == "arithmetic"
    assert sum(shares.values()) == pytest.approx(1)


def test_volumes_that_scans_are_simulated_from_do_not_pile_up(tmp_path):
    for number in range(3):
        data = np.random.default_rng(number).random((2, 16, 16)).astype(np.float32)
        write_nifti(tmp_path / f"head{number}.nii.gz", ImageVolume(f"head{number}", data))
    shelf = Volumes(most=3000)  # one of 2 KiB, not two
    paths = find_scans(tmp_path)
    scans = [open_shelved(path, shelf) for path in paths]
    for path, scan in zip(paths, scans, strict=True):
        whole = open_scan(path)
        assert scan.maximum == whole.maximum
        assert np.array_equal(scan.kspace(1), whole.kspace(1))
        assert np.array_equal(scan.target(0), whole.target(0))
        assert len(shelf) == 1
