"""Work in a process of its own, so that neither its imports nor its arithmetic stall a window.

The child is spawned: it imports what the work needs and nothing of the window. Events come
through a pipe and are read as they are asked for; a child whose parent does not read waits,
so nothing queues up without end. The parent's token is copied into the child's.
"""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Literal

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.heap import keep_freed_memory
from napari_unlearn.unlearning.events import Preview, Saved

Work = Callable[[CancelToken], Iterator[object]]
"""Starts the work in the child: an importable function, or a partial of one."""

_LOOK = 0.05  # seconds between two looks at the parent's token
_GRACE = 10.0  # seconds in which a child that nobody listens to may save what it has
_NICENESS = 10  # a window that wants to redraw comes before a step of training
_AT_ONCE = 64  # events taken from the pipe before they are passed on

_CONTEXT = multiprocessing.get_context("spawn")
_starting = threading.Lock()
_log = logging.getLogger(__name__)


class Unexpected(Exception):
    """An exception of the child that is no user's mistake: its type and its text."""


@dataclass(frozen=True)
class _End:
    """The last word of a child."""

    kind: Literal["finished", "cancelled", "mistake", "unexpected", "died"]
    text: str = ""
    traceback: str = ""


def in_child(work: Work, token: CancelToken, *, threads: int | None = None) -> Iterator[object]:
    """Run work in a process of its own and yield its events here.

    A picture that a newer one has overtaken on the way is left out. Closing this generator,
    or the death of this process, asks the child to stop and to keep what it has; ten seconds
    later it is gone in any case.

    Args:
        work: Picklable, e.g. `functools.partial(carry_out, order)`; its result is a generator
            of picklable events, made in the child.
        token: Cancel, abort, pause and resume reach the child within a tenth of a second.
        threads: For torch and BLAS in the child; None leaves one core to the window.

    Raises:
        UnlearnError: as the work, with the same sentence (`Cancelled` likewise); or the child
            was killed.
        Unexpected: the work raised anything else; its traceback is in the log.
    """
    here, there = _CONTEXT.Pipe()
    process = _CONTEXT.Process(
        target=_child, args=(there, pickle.dumps(work), threads), name="unlearning", daemon=True
    )
    _start(process)
    there.close()
    saved: Saved | None = None
    told = (False, False, False)
    try:
        while True:
            told = _relay(token, here, told)
            if not _something_to_read(here):
                continue
            for event in _without_overtaken(_read(here)):
                if isinstance(event, _End):
                    process.join(_GRACE)
                    _raise(event, process.exitcode, saved)
                    return
                saved = event if isinstance(event, Saved) else saved
                yield event
    finally:
        _relay(token, here, told)
        here.close()
        process.join(_GRACE + 2)
        if process.is_alive():
            process.kill()
            process.join()


def _start(process: BaseProcess) -> None:
    """Spawn without this program's main module, and deaf to Ctrl-C from its first instant.

    multiprocessing would import the main module again: under napari that is napari itself, and
    under a script without a guard it starts the script once more. The mask of signals is
    inherited, so that Ctrl-C cannot break into the child's imports with a traceback.
    """
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # it would lift the mask
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            with _without_ctrl_c():
                process.start()
        finally:
            sys.modules["__main__"] = main


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _relay(
    token: CancelToken, link: Connection, told: tuple[bool, bool, bool]
) -> tuple[bool, bool, bool]:
    """Tell the child what became of the token, if anything did."""
    state = (token.cancelled, token.aborted, token.paused)
    if state != told:
        with contextlib.suppress(OSError):  # a child that is gone says so where we read
            link.send(state)
    return state


def _something_to_read(link: Connection) -> bool:
    try:
        return link.poll(_LOOK)
    except OSError:
        return True  # broken: reading tells


def _read(link: Connection) -> list[object]:
    """What lies in the pipe, at least one event; a broken pipe is the end."""
    found: list[object] = []
    try:
        found.append(link.recv())
        while len(found) < _AT_ONCE and link.poll():
            found.append(link.recv())
    except (EOFError, OSError):
        found.append(_End("died"))
    return found


def _without_overtaken(events: Sequence[object]) -> list[object]:
    """Leave out pictures that are out of date; those that close an epoch are for keeps."""
    pictures = [event for event in events if isinstance(event, Preview)]
    return [
        event
        for event in events
        if not isinstance(event, Preview) or event.epoch is not None or event is pictures[-1]
    ]


def _raise(end: _End, exit_code: int | None, saved: Saved | None) -> None:
    """Raise what the child ended with, if it was not well."""
    if end.kind == "cancelled":
        raise Cancelled(end.text)
    if end.kind == "mistake":
        raise UnlearnError(end.text)
    if end.kind == "unexpected":
        _log.error("A job failed in its process:\n%s", end.traceback)
        raise Unexpected(end.text)
    if end.kind == "died":
        raise UnlearnError(_obituary(exit_code, saved))


def _obituary(exit_code: int | None, saved: Saved | None) -> str:
    how = "ended without a word"
    if exit_code is not None and exit_code < 0:
        how = f"was killed (signal {-exit_code}), by a person or because memory ran out"
    kept = "what its run folder held at the last save is kept, and resuming goes on from there"
    if saved is not None:
        kept = f"{saved.path} (step {saved.step}) is kept"
    return f"The process that did the work {how}; {kept}."


def _child(link: Connection, work: bytes, threads: int | None) -> None:
    """Everything that happens in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    count = threads or max(1, (os.cpu_count() or 1) - 1)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is imported
        os.environ[name] = str(count)
    keep_freed_memory()
    token = CancelToken()
    threading.Thread(target=_listen, args=(link, token), daemon=True).start()
    _tell(link, _work(work, link, token))


def _work(work: bytes, link: Connection, token: CancelToken) -> _End:
    try:
        # Our own parent pickled it a moment ago: no file and no network has a part in it.
        for event in pickle.loads(work)(token):
            _tell(link, event)
    except Cancelled as error:
        return _End("cancelled", str(error))
    except UnlearnError as error:
        return _End("mistake", str(error))
    except MemoryError as error:
        return _End("unexpected", f"out of memory: {error}", traceback.format_exc())
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return _End("unexpected", text, traceback.format_exc())
    return _End("finished")


def _tell(link: Connection, event: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: finish and go
        link.send(event)


def _listen(link: Connection, token: CancelToken) -> None:
    """Follow the parent's token; without a parent, stop and keep, and be gone soon."""
    try:
        while True:
            cancelled, aborted, paused = link.recv()
            if aborted:
                token.abort()
            elif cancelled:
                token.cancel()
            elif paused:
                token.pause()
            else:
                token.resume()
    except (EOFError, OSError):
        token.cancel()
        time.sleep(_GRACE)
        os._exit(1)
