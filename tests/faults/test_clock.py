"""A computer's clock may jump, by hand or over the network: nothing is measured with it."""

import re
import time
from pathlib import Path

import napari_unlearn
from napari_unlearn.reading.reading import Reading
from tests.reading.studies import Clock, write_study

WALL = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.(now|today|utcnow)\(|\blocaltime\(|\bgmtime\(")
STAMPS = {"audit/audit.py", "certificate/make.py", "reading/reading.py"}
"""Where the clock says when, not how long."""


def test_durations_come_from_a_clock_that_cannot_jump():
    root = Path(napari_unlearn.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if WALL.search(path.read_text(encoding="utf-8"))
    }
    assert found <= STAMPS


def test_a_reading_survives_a_clock_that_runs_backwards(tmp_path):
    study, clock = write_study(tmp_path, cases=1), Clock()
    stamps = iter(["2030-01-01T00:00:00+00:00", "1999-12-31T23:59:59+00:00"] * 3)
    reading = Reading(study, "Anna", clock=clock, now=lambda: next(stamps))
    while not reading.finished:
        clock.run(2)
        reading.answer(3)
    seconds = [reading._latest[asked].seconds for asked in reading._latest]
    reading.close()
    again = Reading(study, "Anna", clock=time.monotonic)
    assert again.finished
    assert all(2 <= value < 3 for value in seconds)
    again.close()
