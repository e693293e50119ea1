"""A tour that walks through its steps, round and round, until somebody touches the window."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

import time

from qtpy.QtCore import QEvent, QObject, QPointF, QTimer, Signal
from qtpy.QtGui import QCursor, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_unlearn.viewer.tour_bar import TourBar
from napari_unlearn.viewer.tour_stage import TourStage
from napari_unlearn.viewer.tour_steps import TOUR, Step

IDLE = 45.0
"""How long a visitor's window must lie untouched before the tour goes on [s]."""

_POLL = 400  # milliseconds between two looks at whether a step still computes
_JOLT = 12.0  # pixels that a mouse may move because somebody leant on the table
_LEAVING = 2.0  # seconds in which the mouse may leave the button that called the tour back

_TOUCHES = frozenset(
    {
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.Wheel,
        QEvent.Type.KeyPress,
        QEvent.Type.ShortcutOverride,  # all that is seen of a key that is a shortcut
        QEvent.Type.TouchBegin,
        QEvent.Type.DragEnter,
        QEvent.Type.NativeGesture,
    }
)


class Tour(QObject):
    """Belongs to its bar, and so to the window: closed in the middle, both go together.

    A touch makes it yield before the touch reaches its widget. Untouched for some time, and
    once no job runs and no dialog is open, it begins again with its first step.

    Args:
        stage: Performs the actions.
        bar: Shows the captions.
        steps: In this order, the first one able to begin with any window.
        idle: Untouched time before the tour goes on [s].
        alone: Nobody is there to yield to.
    """

    entered = Signal(int)
    """A step, by its place: its caption is shown and its action performed."""
    left = Signal(int)
    """The step is over and all it computed is painted; the next one follows at once."""
    lapped = Signal()
    """All steps are over; the first one follows at once."""
    yielded = Signal()
    """A visitor has touched the window."""

    def __init__(
        self,
        stage: TourStage,
        bar: TourBar,
        steps: tuple[Step, ...] = TOUR,
        idle: float = IDLE,
        *,
        alone: bool = False,
    ) -> None:
        super().__init__(bar)
        self._stage, self.bar, self._steps, self._idle = stage, bar, steps, idle
        self.playing = False
        self._place = 0
        self._shown = self._computed = False
        self._touched = self._called = time.monotonic()
        self._mouse = QPointF(QCursor.pos())
        self._step = QTimer(self)
        self._step.setSingleShot(True)
        self._step.timeout.connect(self._on_step)
        self._count = QTimer(self)
        self._count.setInterval(round(min(1000.0, 250 * idle)))
        self._count.timeout.connect(self._on_count)
        bar.go_on.connect(self._on_called)
        application = QApplication.instance()
        if not alone:
            application.installEventFilter(self)
        application.aboutToQuit.connect(self.stop)

    def begin(self) -> None:
        """Begin with the first step."""
        self._count.stop()
        self.playing, self._mouse = True, QPointF(QCursor.pos())
        self._enter(0)

    def give_way(self) -> None:
        """Leave the window to a visitor, until nobody has touched it for a while."""
        self._touched = time.monotonic()
        if self._count.isActive() and not self.playing:
            return
        self.playing = False
        self._step.stop()
        self._stage.let_go()
        self.bar.show_pause(self._idle)
        self._count.start()
        self.yielded.emit()

    def stop(self) -> None:
        """End for good."""
        self.playing = False
        self._step.stop()
        self._count.stop()
        QApplication.instance().removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Give way to whatever a visitor does, and let it pass."""
        if event is not None and self._is_touch(watched, event):
            self.give_way()
        return False

    def _is_touch(self, watched: QObject | None, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            return self._is_jolt(event.globalPosition())
        return kind in _TOUCHES or (kind == QEvent.Type.Close and watched is self.bar.window())

    def _is_jolt(self, position: QPointF) -> bool:
        """Whether the mouse has been moved: Qt also sends moves when something moves under it."""
        moved = (position - self._mouse).manhattanLength() > _JOLT
        leaving = time.monotonic() - self._called < _LEAVING
        if moved:
            self._mouse = position
        return moved and not leaving

    def _enter(self, place: int) -> None:
        step, self._place = self._steps[place], place
        self._computed = False
        self._shown = self._stage.perform(step.action)
        if self._shown:
            self.bar.show_step(step, place, len(self._steps))
            self.entered.emit(place)
        self._step.start(round(1000 * step.seconds) if self._shown else 0)

    def _on_step(self) -> None:
        busy = self._stage.busy
        if busy or self._computed:  # one more turn after the last result, which wants painting
            self._computed = busy
            self._step.start(_POLL)
            return
        if self._shown:
            self.left.emit(self._place)
        following = (self._place + 1) % len(self._steps)
        if following == 0:
            self.lapped.emit()
        if self.playing:
            self._enter(following)

    def _on_count(self) -> None:
        left = self._idle - (time.monotonic() - self._touched)
        if left > 0:
            self.bar.show_pause(left)
        elif self._stage.busy or QApplication.activeModalWidget() is not None:
            self.bar.show_pause(None)
        elif self.bar.isVisible():
            self.begin()

    def _on_called(self) -> None:
        """The button: at once, unless a job runs."""
        self._called = time.monotonic()
        self._touched = self._called - self._idle
        self._on_count()
