"""Long work of a viewer: one Qt-free generator at a time, in a thread, with Cancel."""

import gc
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.unlearning.events import Paused

Work = Callable[[CancelToken], Iterator[object]]
"""Starts the work; runs in the thread, so that even its imports cannot stall the window."""

Outcome = Literal["finished", "cancelled", "failed"]

_INTERVAL = 0.1  # seconds: events reach the window at most ten times a second
_TURN = 0.008  # seconds of one turn of the event loop that events may take, the last one longer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class End:
    """How a job ended."""

    outcome: Outcome
    message: str = ""
    """One sentence for the user if it failed."""


class _TokenWorker(GeneratorWorker):
    """A worker that napari stops, when its window closes, through our token.

    superqt's own `quit` leaves the generator open until garbage collection, and with it
    everything the model holds; the token lets it run to its end instead.
    """

    token: CancelToken

    def quit(self) -> None:
        """Ask the work to stop."""
        self.token.cancel()


class Jobs(QObject):
    """Runs the jobs of one viewer and outlives any dock that started them.

    Slots run in the main thread. Buttons follow these signals, never clicks.
    """

    started = Signal(str)
    """Title of the job."""
    yielded = Signal(object)
    """One event of the generator."""
    cancelling = Signal()
    ended = Signal(object)
    """`End`; the next job may start."""

    def __init__(self) -> None:
        super().__init__()
        _set_aside("window")
        self._worker: _TokenWorker | None = None
        self._end = End("finished")
        self._broken = ""
        self._keeps = False
        self._waiting: deque[object] = deque()
        self._over = False
        self._turn = QTimer(self)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._deliver)

    @property
    def running(self) -> bool:
        """Whether a job is under way, cancelled or not."""
        return self._worker is not None

    def start(
        self, title: str, work: Work, place: str = "this machine", *, keeps: bool = False
    ) -> None:
        """Run a generator in a thread.

        Args:
            title: What the user reads, e.g. "Comparing".
            work: Gets a token, returns the generator.
            place: The device by name, for the sentence that says its memory is full.
            keeps: It ends by itself when cancelled and has things to tell until then.

        Raises:
            UnlearnError: Another job is under way.
        """
        if self._worker is not None:
            raise UnlearnError("Another job is running; cancel it or wait until it ends.")
        token = CancelToken()
        worker = create_worker(
            _run, work, token, place, keeps, _worker_class=_TokenWorker, _start_thread=False
        )
        worker.token = token
        self._worker, self._end, self._keeps = worker, End("finished"), keeps
        worker.yielded.connect(self._on_yielded)
        worker.finished.connect(self._on_finished)
        self.started.emit(title)
        worker.start()

    def cancel(self) -> None:
        """Ask the job to stop; `ended` tells when it has."""
        if self._worker is not None and not self._worker.token.cancelled:
            self._worker.token.cancel()
            self.cancelling.emit()

    def discard(self) -> None:
        """Ask the job to stop and to throw away what it has."""
        if self._worker is not None and not self._worker.token.aborted:
            self._worker.token.abort()
            self.cancelling.emit()

    def pause(self) -> None:
        """Ask the job to wait; its `Paused` event tells when it does."""
        if self._worker is not None:
            self._worker.token.pause()

    def resume(self) -> None:
        """Let the job go on."""
        if self._worker is not None:
            self._worker.token.resume()

    def abort(self, message: str) -> None:
        """Stop the job because the window could not show its result; it ends as failed."""
        self.cancel()
        self._broken = message

    def _on_yielded(self, batch: list[object]) -> None:
        self._waiting.extend(batch)
        self._turn.start()

    def _on_finished(self) -> None:
        self._over = True
        self._turn.start()

    def _deliver(self) -> None:
        """Pass on what has come; an event that took long has its turn of the loop to itself.

        Qt would paint what one event changed, and handle the next, before mouse and keys.
        """
        began = time.monotonic()
        while self._waiting and time.monotonic() - began < _TURN:
            self._pass_on(self._waiting.popleft())
        if self._waiting or time.monotonic() - began >= _TURN:
            return
        self._turn.stop()
        if self._over:
            self._over, self._worker = False, None
            end, self._broken = End("failed", self._broken) if self._broken else self._end, ""
            self.ended.emit(end)

    def _pass_on(self, event: object) -> None:
        if isinstance(event, End):
            self._end = event
        elif self._worker is not None and (self._keeps or not self._worker.token.cancelled):
            self.yielded.emit(event)


def _run(work: Work, token: CancelToken, place: str, keeps: bool) -> Iterator[list[Any]]:
    """Yield lists of events, the last of which ends with `End`; never raises.

    superqt swallows RuntimeError, CUDA's "out of memory" among them, and then neither
    reports an error nor the end; so nothing may leave this generator but events.
    """
    end = End("finished")
    try:
        yield from _batches(work, token, keeps)
    except Cancelled:
        end = End("cancelled")
    except UnlearnError as error:
        end = End("failed", str(error))
    except Exception as error:
        _log.exception("A job failed")
        end = End("failed", sentence(error, place))
    _give_memory_back()
    yield [end]


def _batches(work: Work, token: CancelToken, keeps: bool) -> Iterator[list[object]]:
    events = work(token)
    batch: list[object] = []
    last = 0.0
    try:
        for event in events:
            batch.append(event)
            # After a pause begins nothing follows that could push it through.
            if isinstance(event, Paused) or time.monotonic() - last >= _INTERVAL:
                last = time.monotonic()
                yield batch
                batch = []
            if not keeps:
                token.check()
        if batch:
            yield batch
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def sentence(error: BaseException, place: str) -> str:
    """Say in one sentence what went wrong and what to do about it."""
    first = next(iter(str(error).splitlines()), "").strip()
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            f"Out of memory on {place}: close other programs that use it, or choose "
            f"another device ({first or type(error).__name__})."
        )
    return (
        f"Something went wrong that is not your fault ({type(error).__name__}: {first}); "
        "please report it with the text in the terminal."
    )


def _give_memory_back() -> None:
    """Free what the job held on a GPU; torch is not imported for it.

    Elsewhere counting references is enough, and a full collection would hold up the window.
    """
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "cuda"):  # another job is just importing it
        return
    _set_aside("torch")
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


_aside: set[str] = set()


def _set_aside(reason: str) -> None:
    """Take what is alive out of later collections, once per reason.

    The modules of napari and of torch hold half a million objects that live as long as the
    window; a collection that walks through them lasts longer than a frame.
    """
    if reason not in _aside:
        _aside.add(reason)
        gc.freeze()
