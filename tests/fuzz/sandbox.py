"""A process that reads strangers' files, bounded in memory and time, watched in what it touches."""

import ctypes
import gc
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

ROOM = 2**31
"""Bytes that reading may take beyond what the process has after its imports."""
SECONDS = 10.0
"""Longest time for one file."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TOUCHING = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
    *("os.chown", "os.truncate", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
)
_EXECUTING = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile", "subprocess.Popen"),
    *("pty.spawn", "socket.connect", "socket.bind", "urllib.Request", "webbrowser.open"),
    *("os.kill", "os.putenv", "ftplib.connect"),
)

Door = Callable[[Path], object]
Kind = Literal["fine", "sentence", "exception", "hang", "crash"]


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    kind: Kind
    text: str = ""
    """The sentence, or the traceback."""
    seconds: float = 0.0
    touched: tuple[str, ...] = ()
    """What was written, moved or executed."""
    printed: str = ""


@dataclass(frozen=True)
class Size:
    """How large the process is."""

    resident: int
    """Bytes."""
    files: int
    threads: int


class Sandbox:
    """One process that reads one file after another; a new one takes the place of a dead one."""

    def __init__(self, room: int = ROOM, seconds: float = SECONDS, *, readers: bool = True) -> None:
        self._room, self._seconds, self._readers = room, seconds, readers
        self._place = tempfile.TemporaryDirectory(prefix="napari-unlearn-home-")
        self._home = Path(self._place.name) / "home"
        self._home.mkdir()
        self.started = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._link, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, str(self._home), self._room, self._readers), daemon=True
        )
        self._process.start()
        there.close()
        self.started += 1
        self._link.recv()  # ready

    def read(self, door: str, path: Path) -> Outcome:
        """Let the process read a file through a door."""
        return self._ask((door, str(path)))

    def size(self) -> Size:
        """How large the process is now."""
        self._link.send(None)
        return self._link.recv()

    def strays(self) -> list[str]:
        """Files in the home, temporary and working folder of the process."""
        return sorted(os.listdir(self._home))

    def _ask(self, question: tuple[str, str]) -> Outcome:
        self._link.send(question)
        kind: Kind = "hang"
        text = f"not done after {self._seconds:g} s"
        if self._link.poll(self._seconds):
            try:
                return self._link.recv()
            except (EOFError, OSError):
                self._process.join(5)
                kind, text = "crash", f"exit code {self._process.exitcode}"
        self.close()
        self._start()
        return Outcome(kind, text, self._seconds if kind == "hang" else 0.0)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
        self._place.cleanup()


class _Watch:
    """Hears from Python itself what is opened for writing, moved or executed."""

    def __init__(self) -> None:
        self.on = False
        self.heard: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            if flags & _WRITES and path != os.devnull:
                self.heard.append(f"opened {path} for writing")
        elif event in _TOUCHING or event in _EXECUTING:
            self.heard.append(f"{event}{arguments!r}"[:200])


def _serve(link: Connection, home: str, room: int, readers: bool) -> None:
    """What happens in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    os.environ.update(HOME=home, TMPDIR=home, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    os.environ["MPLCONFIGDIR"] = f"{home}-of-matplotlib"  # whose import writes into its user's
    os.environ["NAPARI_UNLEARN_KEY"] = "the key of the tests"  # else the first name draws one
    tempfile.tempdir = home
    from napari_unlearn.errors import UnlearnError

    doors = _all_doors() if readers else {}
    warnings.simplefilter("ignore")
    os.chdir(home)
    _without_privileges()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    watch = _Watch()
    link.send("ready")
    while True:
        question = link.recv()
        if question is None:
            link.send(_size())
            continue
        door, path = question
        os.ftruncate(output.fileno(), 0)
        began, watch.heard, watch.on = time.monotonic(), [], True
        kind, text = "fine", ""
        try:
            _door(door, doors)(Path(path))
        except UnlearnError as error:
            kind, text = "sentence", str(error)
        except BaseException as error:
            kind, text = "exception", "".join(traceback.format_exception(error)[-12:])
        watch.on = False
        seconds = time.monotonic() - began
        sys.stdout.flush()
        sys.stderr.flush()
        printed = os.pread(output.fileno(), 2000, 0).decode(errors="replace")
        link.send(Outcome(kind, text, seconds, tuple(watch.heard), printed))  # type: ignore[arg-type]


def _all_doors() -> Mapping[str, Door]:
    import torch

    from tests.fuzz.doors import DOORS

    torch.set_num_threads(1)
    return DOORS


def _door(name: str, doors: Mapping[str, Door]) -> Door:
    """One of the doors, or "module:function" for a test of the sandbox."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function) if function else doors[name]


def _without_privileges() -> None:
    """Root may read everything: give that up, but stay the owner of one's files (Linux)."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capabilities, version 3; this process
        ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)())


def _size() -> Size:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    threads = len(os.listdir("/proc/self/task"))
    return Size(resident, len(os.listdir("/proc/self/fd")), threads)
