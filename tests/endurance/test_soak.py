"""Nothing grows: the short form of scripts/soak.py, and that its judge sees growth."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from weakref import ref

import numpy as np
import pytest

from tests.endurance.soak import Load, trends

ROOT = Path(__file__).parents[2]


def made_up(count, slope, seed=0):
    noise = np.random.default_rng(seed).normal(0, 50, count)
    return [Load(500_000 + slope * i + noise[i], 8, 20, 100_000) for i in range(count)]


def test_growth_is_told_from_noise():
    assert not trends(made_up(60, 0))[0].grows
    grown = trends(made_up(60, 20))[0]
    assert grown.grows
    assert grown.slope == pytest.approx(20, abs=2)


def test_what_grows_only_while_caches_fill_is_no_growth():
    loads = [Load(memory, 8, 20, 1) for memory in [*np.linspace(1000, 9000, 10), *[9000] * 40]]
    assert not trends(loads)[0].grows


@pytest.mark.long
@pytest.mark.parametrize(("what", "count"), [("windows", "5"), ("jobs", "5")])
def test_a_few_cycles_leave_nothing_behind(what, count):
    """In a process of its own, which holds nothing of other tests."""
    command = [sys.executable, "-W", "ignore", "scripts/soak.py", what, "--count", count]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250
    )
    assert f"{what}, {count} cycles" in done.stdout, done.stderr
    assert "GROWS" not in done.stdout
    assert done.returncode == 0


def test_a_closed_window_takes_its_session_along(qapp, make_napari_viewer):
    """Session and viewer know each other: in a table of sessions both would live for ever."""
    from napari_unlearn.viewer.session import session_of
    from napari_unlearn.viewer.worker import Jobs

    Jobs()  # the first takes what is alive out of later collections
    viewer = make_napari_viewer()
    session = ref(session_of(viewer))
    assert session_of(viewer) is session()
    viewer.close()
    del viewer
    qapp.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    qapp.processEvents()
    gc.collect()
    assert session() is None
