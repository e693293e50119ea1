"""Many cases one after another, and what came of them."""

import os
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import certificates, dicom, hdf5, nifti, pickles, tensors, texts
from tests.fuzz.damage import DAMAGE
from tests.fuzz.kind import Case, Kind, make_case
from tests.fuzz.places import PLACES
from tests.fuzz.sandbox import Outcome, Sandbox, Size
from tests.fuzz.verdict import complaint, listing

COMMON = (*DAMAGE, *DAMAGE, *PLACES)
GROWTH = 64 * 2**20
"""Bytes by which a process may grow between the first fifth of the cases and the last."""


@dataclass(frozen=True)
class Failure:
    """A case that did not end as it should."""

    case: Case
    complaint: str


@dataclass
class Report:
    """What came of all cases."""

    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    sentences: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, Case | None] = (0.0, None)
    sizes: list[Size] = field(default_factory=list)
    processes: int = 0

    @property
    def growth(self) -> int:
        """Bytes by which the last process grew from a fifth of its cases on."""
        sizes = [size.resident for size in self.sizes]
        return sizes[-1] - max(sizes[: max(1, len(sizes) // 5)]) if sizes else 0

    @property
    def leaks(self) -> str:
        """What grew, in words; empty if nothing did."""
        if not self.sizes:
            return ""
        first, last = self.sizes[len(self.sizes) // 5], self.sizes[-1]
        found = [f"memory by {self.growth >> 20} MiB"] if self.growth > GROWTH else []
        if last.files > first.files:
            found.append(f"open files from {first.files} to {last.files}")
        if last.threads > first.threads:
            found.append(f"threads from {first.threads} to {last.threads}")
        return ", ".join(found)


def all_kinds() -> list[Kind]:
    """Every kind of input, with its good files."""
    found: list[Kind] = []
    for room in (hdf5, nifti, dicom, tensors, pickles, texts, certificates):
        with tempfile.TemporaryDirectory() as folder:
            found += room.kinds(Path(folder))
    return found


def chosen(kinds: Sequence[Kind], reader: str) -> list[Kind]:
    """The kinds of a name, or whose readers have it."""
    found = [kind for kind in kinds if reader in (kind.name, *kind.doors) or not reader]
    if not found:
        raise SystemExit(f"No kind or reader '{reader}': {', '.join(k.name for k in kinds)}.")
    return found


def fuzz(
    kinds: Sequence[Kind],
    count: int,
    seed: int,
    *,
    told: Callable[[int, Case, str], None] = lambda *_: None,
    number: int | None = None,
) -> Report:
    """Read many damaged files in a sandbox.

    Args:
        kinds: Taken in turn.
        count: Cases in all.
        seed: Of the damage.
        told: Called with the number of cases so far, each case and what is wrong with it.
        number: The only case, of the only kind.
    """
    report, began = Report(), time.monotonic()
    with Sandbox() as sandbox, _folder() as folder:
        for done, (kind, place) in enumerate(_numbers(kinds, count, number), start=1):
            case, outcome, wrong = run_case(sandbox, kind, seed, place, folder)
            _note(report, case, outcome, wrong, folder)
            told(done, case, wrong)
            if sandbox.started > report.processes:
                report.processes, report.sizes = sandbox.started, []
            if done % 50 == 0:
                report.sizes.append(sandbox.size())
        if strays := sandbox.strays():
            nowhere = Case("all", 0, "", "", "")
            report.failures.append(Failure(nowhere, f"left behind: {strays}"))
            told(count, nowhere, report.failures[-1].complaint)
    report.seconds = time.monotonic() - began
    return report


def run_case(
    sandbox: Sandbox, kind: Kind, seed: int, number: int, folder: Path
) -> tuple[Case, Outcome, str]:
    """One case: its files, what the reader made of them, and what is wrong with that."""
    place = folder / f"{kind.name}-{number}"
    place.mkdir()
    try:
        case = make_case(kind, seed, number, place, COMMON)
        before = _listed(place)
        outcome = sandbox.read(case.door, place / case.path)
        wrong = complaint(outcome, place, place / case.path)
        if not wrong and _listed(place) != before:
            wrong = "left behind: files beside the input are not what they were"
        return case, outcome, wrong
    finally:
        _remove(place)


def write_case(kind: Kind, seed: int, number: int, folder: Path) -> Case:
    """Only write the files of a case, to look at them."""
    folder.mkdir(parents=True)
    return make_case(kind, seed, number, folder, COMMON)


def _numbers(kinds: Sequence[Kind], count: int, number: int | None) -> Iterator[tuple[Kind, int]]:
    if number is not None:
        yield kinds[0], number
        return
    for place in range(count):
        yield kinds[place % len(kinds)], place // len(kinds)


def _listed(folder: Path) -> object:
    try:
        return listing(folder)
    except OSError:
        return None  # a folder that may not be looked into


def _note(report: Report, case: Case, outcome: Outcome, wrong: str, folder: Path) -> None:
    kind = "failed" if wrong else outcome.kind
    report.outcomes[kind] += 1
    report.by_kind.setdefault(case.kind, Counter())[kind] += 1
    if wrong:
        report.failures.append(Failure(case, wrong))
    elif outcome.kind == "sentence":
        report.sentences[outcome.text.replace(f"{folder}/{case.kind}-{case.number}/", "")] += 1
    if outcome.seconds > report.slowest[0]:
        report.slowest = (outcome.seconds, case)


class _folder(tempfile.TemporaryDirectory):  # noqa: N801  used like a function
    """A folder that whoever reads may look into."""

    def __enter__(self) -> Path:  # type: ignore[override]
        path = Path(super().__enter__())
        path.chmod(0o755)
        return path


def _remove(folder: Path) -> None:
    _permit(folder)
    shutil.rmtree(folder)


def _permit(folder: Path) -> None:
    """Take back what `places` forbade."""
    folder.chmod(stat.S_IRWXU)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _permit(Path(entry.path))
