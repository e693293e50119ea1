"""Work on the canvas spread over turns of the event loop, painted once in the end.

What napari does for one layer cannot be divided; what it does for twenty can. Between two steps
mouse and keys have their turn. Nobody waits at a window that is not shown: there, and in a viewer
without one, all steps are done at once.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import ref

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QWidget

Steps = Iterator[bool]
"""Every `next` is a step; yields whether the canvas is to be painted before the next."""

_FRAME = 20  # milliseconds in which the window system comes to ask for a picture
_HOLDS = "unlearn_holds"  # how many keep a canvas from being painted


class Turns:
    """Takes steps one per turn, first come, first served, while the canvas stays as it is."""

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._waiting: deque[tuple[Steps, bool]] = deque()
        self._timer: QTimer | None = None
        self._held: ref[QWidget] | None = None  # a window that was closed is not kept alive
        self._nested: list[tuple[Steps, bool]] = []
        self._busy = False

    @property
    def pending(self) -> bool:
        """Whether steps are left, or one is being taken; a window that was closed needs none."""
        if self._waiting and not self._busy and shown_canvas(self._viewer) is None:
            self._drop()
        return bool(self._waiting)

    def add(self, steps: Steps, *, passing: bool = False, last: bool = False) -> None:
        """Take steps after those that are left; what a step adds comes right after its own.

        Args:
            steps: Taken at once where nobody sees the window.
            passing: What they show is out of date once others of the kind are added.
            last: Even what a step adds comes after all that are left.
        """
        if self._busy and not last:
            self._nested.append((steps, passing))
            return
        kept = [each for each in self._waiting if not (passing and each[1])]
        self._waiting = deque([*kept, (steps, passing)])
        canvas = shown_canvas(self._viewer)
        if canvas is None:
            self.finish()
            return
        self._keep_still(canvas)
        if self._timer is None:
            self._timer = QTimer(canvas)  # goes with the window
            self._timer.timeout.connect(self._on_turn)
        self._timer.start(0)

    def then(self, action: Callable[[], object]) -> None:
        """Do something after all steps; now, if none is left."""
        if self.pending:
            self.add(_once(action))
        else:
            action()

    def finish(self) -> None:
        """Take all steps that are left at once, for somebody needs what they make."""
        while self._step():
            pass  # a step that asks for others to be finished is itself the first of them

    def _on_turn(self) -> None:
        canvas = shown_canvas(self._viewer)
        if self.pending and canvas is not None:
            self._keep_still(canvas)
            self._step()

    def _step(self) -> bool:
        """Take a step; whether there may be another."""
        if self._busy or not self._waiting:
            return False
        steps, _ = first = self._waiting[0]
        over, self._busy = False, True
        try:
            to_be_seen = next(steps)
            if to_be_seen:
                self._let_paint()
            with suppress(RuntimeError):  # the window may have been closed
                if self._timer is not None:
                    self._timer.setInterval(_FRAME if to_be_seen else 0)
        except StopIteration:
            over = True
        except BaseException:
            self._drop()
            raise
        finally:
            self._busy = False
        nested, self._nested = self._nested, []
        left = [each for each in self._waiting if each is not first]
        self._waiting = deque([*([] if over else [first]), *nested, *left])
        if not self._waiting:
            self._rest()
        return bool(self._waiting)

    def _drop(self) -> None:
        waiting, self._waiting, self._nested = self._waiting, deque(), []
        for steps, _ in waiting:
            with suppress(RuntimeError):  # parts of the window may be gone
                steps.close()  # type: ignore[attr-defined]
        self._rest()

    def _rest(self) -> None:
        with suppress(RuntimeError):
            if self._timer is not None:
                self._timer.stop()
        self._let_paint()

    def _keep_still(self, canvas: "QWidget") -> None:
        if self._held is None:
            self._held = ref(canvas)
            _hold(canvas)

    def _let_paint(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            with suppress(RuntimeError):
                _release(held())


def collecting(viewer: "ViewerModel") -> Steps:
    """Collect garbage, if Python is to do so soon, in a step of its own.

    It walks through all that tiles consist of, 0.1 s for eight, and would come in the middle of
    what the user does next.
    """
    if gc.get_count()[2] > gc.get_threshold()[2] // 2 and shown_canvas(viewer) is not None:
        gc.collect()
        yield False


@contextmanager
def painted_later(viewer: "ViewerModel") -> Iterator[None]:
    """Keep what is done now and its painting in different turns of the event loop.

    The canvas is painted then, changed or not: not for what leaves it as it is.
    """
    canvas = shown_canvas(viewer)
    if canvas is None:
        yield
        return
    _hold(canvas)
    try:
        yield
    finally:
        later, held = QTimer(canvas), ref(canvas)
        later.setSingleShot(True)

        def release() -> None:
            _release(held())
            later.deleteLater()

        later.timeout.connect(release)
        later.start(0)


def shown_canvas(viewer: "ViewerModel") -> "QWidget | None":
    """The canvas of a viewer, if it is on the screen."""
    window = getattr(viewer, "window", None)
    with suppress(AttributeError, RuntimeError):  # closed, or built otherwise inside
        canvas: QWidget = window._qt_viewer.canvas.native  # type: ignore[union-attr]
        return canvas if canvas.isVisible() else None
    return None


def _hold(canvas: "QWidget") -> None:
    canvas.setProperty(_HOLDS, (canvas.property(_HOLDS) or 0) + 1)
    canvas.setUpdatesEnabled(False)


def _release(canvas: "QWidget | None") -> None:
    if canvas is None:
        return
    left = (canvas.property(_HOLDS) or 0) - 1
    canvas.setProperty(_HOLDS, left)
    if not left:
        canvas.setUpdatesEnabled(True)  # which paints what has changed


def _once(action: Callable[[], object]) -> Steps:
    action()
    yield False
