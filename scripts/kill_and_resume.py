"""Kill training, unlearning, evaluation, certificate and reading at random, and look what is left.

    python scripts/kill_and_resume.py --kills 100 --seed 7

Exit code 1 if a run could not go on, ended otherwise than undisturbed, or lost a judgement.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.endurance.kills import COMMANDS, Killing, Tally, small_study
from tests.endurance.reader_kills import kill_readers
from tests.processes import ready
from tests.reading.studies import write_study


def main() -> None:
    """Print one line per command, then what was wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=100, help="in all; shared out evenly")
    options.add_argument("--seed", type=int, default=7)
    chosen = options.parse_args()
    context, parts = ready(), len(COMMANDS) + 1
    share = [chosen.kills // parts + (i < chosen.kills % parts) for i in range(parts)]
    tallies = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        killing = Killing(small_study(Path(folder) / "study"), context, chosen.seed)
        for command, kills in zip(COMMANDS, share, strict=False):
            tallies.append(killing.command(command, kills))
            _tell(tallies[-1])
        study = write_study(Path(folder) / "reading", cases=40)
        tallies.append(kill_readers(study, context, share[-1], chosen.seed))
        _tell(tallies[-1])
    found = sum(len(tally.found) for tally in tallies)
    _say(f"{sum(tally.kills for tally in tallies)} kills, seed {chosen.seed}: {found} failures")
    sys.exit(1 if found else 0)


def _tell(tally: Tally) -> None:
    _say(
        f"{tally.name:9s} {tally.undisturbed:5.1f} s undisturbed, {tally.kills:3d} kills, begun "
        f"{tally.resumed:3d} times on what a kill left, {tally.finished:2d} times at the end"
    )
    for line in tally.found:
        _say(f"  FAILED {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
