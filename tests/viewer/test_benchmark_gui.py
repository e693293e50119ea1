"""The window's benchmark, with small files, as a program of its own: it closes its window."""

import json
import subprocess
import sys

import pytest

from napari_unlearn.errors import WrongUse
from napari_unlearn.viewer.benchmark_gui import measure_window


def test_a_part_that_does_not_exist_is_wrong_use():
    with pytest.raises(WrongUse, match=r"no part 'games'; accepted: bare, training, file, looking"):
        measure_window(parts=("games",))


@pytest.mark.long
@pytest.mark.timeout(120)
def test_files_and_volumes_are_measured_under_load():
    parts = [word for part in ("bare", "file", "volume") for word in ("--part", part)]
    command = [sys.executable, "-m", "napari_unlearn", "benchmark", "gui", "--small", "--json"]
    done = subprocess.run([*command, *parts], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    phases = {"napari: picture", "napari: slice", "napari: tile more", "volume opens", "inference"}
    phases |= {"first large file", "large file", "without images", "volume slice"}
    for phase in phases:
        assert report["gaps"][phase]["turns"] > 10, phase
    facts = report["facts"]
    assert facts["large file: read [%]"] < 2.5
    assert facts["without images: picture after [s]"] < facts["without images [MB]"]
    assert facts["windows"] >= 0
    assert set(report["gaps"]) == phases | {"volume in 3D", "volume turned in 3D"}
