"""Open, run and close the window, and unlearn, many times in one process; does it grow?

    xvfb-run -a python scripts/soak.py windows --count 200
    xvfb-run -a python scripts/soak.py bare --count 200
    python scripts/soak.py jobs --count 50

One line per quantity: first and last value after the warm-up, growth per cycle with its 95 %
interval. `bare` opens and closes an empty window of napari, for comparison. Exit code 1 if
threads, files, widgets or sessions grow; memory is judged by who reads the figures.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.endurance.soak import Load, jobs, trends, windows
from tests.tiny_study import write_study
from tests.viewer.tiny_sample import write_sample

COUNTED = ("threads", "files", "widgets", "sessions")


def main() -> None:
    """Print how every quantity went on."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("what", choices=("windows", "bare", "jobs"))
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--seconds", type=float, default=float("inf"), help="at most, about")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")  # not the user's own
        started, loads = time.monotonic(), []
        for load in _cycles(chosen.what, Path(folder), chosen.count):
            loads.append(load)
            spent = time.monotonic() - started
            if len(loads) % 10 == 0:
                _say(f"[{spent:4.0f} s] {len(loads):3d}: {load}")
            if spent > chosen.seconds:
                break
    _say(f"{chosen.what}, {len(loads)} cycles, {time.monotonic() - started:.0f} s")
    found = trends(loads)
    for trend in found:
        _say(
            f"{trend.name:9s} {trend.first:10.0f} to {trend.last:10.0f}, per cycle "
            f"{trend.slope:+9.3f} ({trend.low:+.3f} to {trend.high:+.3f})"
        )
    grown = [trend.name for trend in found if trend.grows and trend.name in COUNTED]
    if grown:
        _say(f"GROWS: {', '.join(grown)}")
    sys.exit(1 if grown else 0)


def _cycles(what: str, folder: Path, count: int) -> Iterator[Load]:
    if what == "jobs":
        from tests.endurance.kills import COMMANDS, Killing
        from tests.processes import ready

        study = write_study(folder / "study")
        Killing(study, ready(), 0).command(COMMANDS[0], 0)
        return jobs(study, count)
    return windows(write_sample(folder, slices=2, size=32), count, own=what == "windows")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
