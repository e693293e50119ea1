"""Freed memory that stays with a process."""

import subprocess
import sys

import pytest

from napari_unlearn.heap import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from napari_unlearn.heap import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
def work():
    arrays = [np.ones(1 << 20) for _ in range(3)]
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> tuple[bool, int]:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    kept, count = done.stdout.split()
    return kept == "True", int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library is not glibc")
def test_arrays_of_equal_size_cost_no_page_faults_the_second_time():
    kept, few = _faults("keep")
    if not kept:
        pytest.skip("the C library takes no such advice")
    _, many = _faults("leave")
    assert few < 500
    assert many > 10 * few + 1000


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert keep_freed_memory() is False
