"""`python -m tests.fuzz`: damaged and hostile files for every reader."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.kind import Case
from tests.fuzz.run import Report, all_kinds, chosen, fuzz, write_case


def main() -> int:
    """Run the fuzzer; exit code 1 if a case failed or the process grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", default="", help="a kind of file, or a door")
    parser.add_argument("--case", default="", help="KIND:NUMBER, that case alone")
    parser.add_argument("--keep", type=Path, help="write the files of --case here and stop")
    parser.add_argument("--sentences", type=int, default=0, help="show so many different ones")
    options = parser.parse_args()
    kinds, number = all_kinds(), None
    if options.case:
        name, _, text = options.case.partition(":")
        kinds, number = [kind for kind in kinds if kind.name == name], int(text)
        if not kinds:
            parser.error(f"no kind '{name}'")
        if options.keep is not None:
            case = write_case(kinds[0], options.seed, number, options.keep)
            _say(f"{options.keep / case.path} for '{case.door}': {case.done}")
            return 0
    kinds = chosen(kinds, options.reader)
    report = fuzz(kinds, options.count, options.seed, told=_told, number=number)
    _summary(report, options.sentences)
    return 1 if report.failures or report.leaks else 0


def _told(done: int, case: Case, wrong: str) -> None:
    if wrong:
        _say(f"--case {case.kind}:{case.number}  door '{case.door}', {case.done}\n  {wrong}")
    elif done % 1000 == 0:
        _say(f"{done} ...")


def _summary(report: Report, sentences: int) -> None:
    total = sum(report.outcomes.values())
    for name, counts in report.by_kind.items():
        _say(f"  {name:<18}" + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))
    for text in sorted(report.sentences)[:: max(1, len(report.sentences) // max(sentences, 1))]:
        if sentences:
            _say(f"    {text}")
    seconds, case = report.slowest
    slow = f"; slowest {seconds:.1f} s ({case.kind}:{case.number})" if case else ""
    counts = ", ".join(f"{n} {kind}" for kind, n in report.outcomes.most_common())
    _say(f"{total} inputs in {report.seconds:.0f} s: {counts}{slow}.")
    _say(f"{len(report.sentences)} different sentences; {report.processes} reading process(es).")
    if report.sizes:
        size = report.sizes[-1]
        _say(
            f"Memory grew by {report.growth / 2**20:.1f} MiB to {size.resident >> 20} MiB; "
            f"{size.files} files open, {size.threads} threads."
        )
    if report.leaks:
        _say(f"GROWTH: {report.leaks}.")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
