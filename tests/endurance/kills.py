"""kill -9 at random moments of a command: it goes on, loses nothing and ends the same."""

import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.endurance.whole import torn
from tests.tiny_study import TOML, write_study

_PASSING = (
    "seconds",
    "seconds_left",
    "created",
    "date",
    "time",
    "memory",
    "peak",
    "shares_of_time",
)
"""Keys of figures that differ from one undisturbed run to the next."""
_LOG = "said.txt"


@dataclass(frozen=True)
class Command:
    """A command line, and the files it makes."""

    name: str
    arguments: tuple[str, ...]
    """The study's folder is called EXP."""
    makes: tuple[str, ...]
    """Files and folders, relative to the study."""
    ignores: tuple[str, ...] = ()
    """Files that tell the time, so that two undisturbed runs differ in them."""


_RUN = ("--resume", "--threads", "1", "--device", "cpu")
_OURS = ("--name", "ours")
COMMANDS: tuple[Command, ...] = (
    Command(
        "train",
        ("train", "EXP", "--role", "original", *_RUN),
        ("runs/original",),
        ("events.jsonl",),
    ),
    Command(
        "unlearn",
        ("unlearn", "EXP", "--strategy", "salun", "--guard", "1", "--keep-best", *_OURS, *_RUN),
        ("runs/ours",),
        ("events.jsonl",),
    ),
    Command(
        "evaluate",
        ("evaluate", "EXP", "--json", "EXP/results.json", "--paper", "EXP/paper", *_RUN[-2:]),
        ("results.json", "paper"),
        ("figure3.svg", "figure5.svg"),
    ),
)
if find_spec("napari_unlearn.cli.report"):  # versions before it write no certificates
    COMMANDS += (
        Command(
            "report",
            ("report", "EXP", "-o", "EXP/report.html", "--run", "ours", *_RUN[-2:]),
            ("report.html", "report.json", "ledger.jsonl"),
            ("report.html", "report.json"),
        ),
    )


@dataclass
class Tally:
    """What came of the kills of one command."""

    name: str
    undisturbed: float
    """Seconds that it takes if nobody disturbs it."""
    kills: int = 0
    resumed: int = 0
    """Times that it began with files of a killed run."""
    finished: int = 0
    """Times that it came to its end, every time compared with the undisturbed one."""
    found: list[str] = field(default_factory=list)
    """What was wrong, one line each."""


def run_command(log: str, *arguments: str) -> None:
    """The command line, as a process of its own runs it; what it says goes to a file."""
    from napari_unlearn.cli import main

    sys.argv = ["napari-unlearn", *arguments]
    with Path(log).open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        main()


def small_study(folder: Path, epochs: int = 12) -> Path:
    """An experiment whose training takes a second or two."""
    write_study(folder)
    toml = TOML.replace("epochs = 2", f"epochs = {epochs}")
    (folder / "experiment.toml").write_text(toml.replace("steps = 4", f"epochs = {epochs}"))
    return folder


class Killing:
    """Kills the commands of one study, one after the other."""

    def __init__(self, study: Path, context: ForkServerContext, seed: int) -> None:
        self._study, self._context = study, context
        self._moments = random.Random(seed)

    def command(self, command: Command, kills: int) -> Tally:
        """Kill a command so many times; its files are those of an undisturbed run afterwards."""
        arguments = [each.replace("EXP", str(self._study)) for each in command.arguments]
        kept = self._study.with_name(f"undisturbed-{command.name}")
        started = time.monotonic()
        code = self._run(arguments, None)
        if code != 0:
            raise RuntimeError(f"{command.name}, undisturbed: {self._said()}")
        tally = Tally(command.name, time.monotonic() - started)
        others = _contents(self._study, command, inside=False)
        self._move(command, self._study, kept)
        while tally.kills < kills:
            tally.resumed += any((self._study / name).exists() for name in command.makes)
            code = self._run(arguments, self._moments.uniform(0, tally.undisturbed))
            tally.kills += code == -signal.SIGKILL
            tally.found += [f"after kill {tally.kills}: {what}" for what in torn(self._study)]
            if code == 0:
                self._compare(command, kept, tally)
                self._remove(command)
            elif code != -signal.SIGKILL:
                tally.found.append(f"after kill {tally.kills}: it ends with {code}: {self._said()}")
                self._remove(command)
        if self._run(arguments, None) != 0:
            tally.found.append(f"after the last kill: {self._said()}")
        self._compare(command, kept, tally)
        if _contents(self._study, command, inside=False) != others:
            tally.found.append("files of others have changed")
        self._remove(command)
        self._move(command, kept, self._study)
        return tally

    def _run(self, arguments: list[str], seconds: float | None) -> int:
        """Exit code of a process that is killed after so many seconds."""
        process = self._context.Process(
            target=run_command, args=(str(self._study.with_name(_LOG)), *arguments)
        )
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return int(process.exitcode or 0)

    def _said(self) -> str:
        return " ".join(self._study.with_name(_LOG).read_text().split())[-400:]

    def _compare(self, command: Command, kept: Path, tally: Tally) -> None:
        tally.finished += 1
        expected = _contents(kept, command, inside=True)
        found = _contents(self._study, command, inside=True)
        for name in sorted({*expected, *found}):
            if found.get(name) != expected.get(name):
                how = "is missing" if name not in found else "differs from the undisturbed run's"
                tally.found.append(f"end {tally.finished}: {name} {how}")

    def _remove(self, command: Command) -> None:
        for name in command.makes:
            path = self._study / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _move(self, command: Command, source: Path, target: Path) -> None:
        for name in command.makes:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source / name, target / name)


def _contents(folder: Path, command: Command, *, inside: bool) -> dict[str, object]:
    """What the command's files say (or those of all others), without what tells the time."""
    contents: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        own = any(name == made or name.startswith(f"{made}/") for made in command.makes)
        if path.is_file() and own == inside and path.name not in command.ignores:
            contents[name] = _content(path)
    return contents


def _content(path: Path) -> object:
    if path.suffix == ".json":
        return _without_time(json.loads(path.read_text()))
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="np") as stream:
            card = json.loads((stream.metadata() or {}).get("card", "{}"))
            tensors = {key: stream.get_tensor(key).tobytes() for key in stream.keys()}  # noqa: SIM118
        return _without_time(card), tensors
    if path.suffix == ".jsonl":
        return len(path.read_bytes().splitlines())  # a request is noted once
    return path.read_bytes()


def _without_time(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_time(each) for key, each in value.items() if key not in _PASSING}
    return [_without_time(each) for each in value] if isinstance(value, list) else value
