"""The keyboard of a reader, whichever part of the window has the focus."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_unlearn.viewer.reading_room import ReadingRoom

HELP = (
    ("1 – 5", "answer, and go on"),
    ("↑ ↓ ← →, Space", "slices"),
    ("Page up, down", "brighter, darker; with Shift more, less contrast"),
    ("0", "grey scale and zoom as at first"),
    ("N, P", "next, previous case"),
    ("Tab, Shift+Tab", "next, previous question of the case"),
    ("U", "take the last answer back"),
    ("M, Shift+M", "mark with the mouse: rectangle, polygon"),
    ("M, then arrows, + –, Enter", "mark with the keyboard"),
    ("Del", "remove the marks of this question"),
    ("Esc", "leave off marking"),
    ("B", "break: images are hidden, the time stops"),
)
"""What the dock shows."""

_TYPING = (QLineEdit, QAbstractSpinBox, QComboBox, QTextEdit, QPlainTextEdit)
_LIFE = {QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel}
_ALLOWED = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
_LARGER = 1.2
_GREY_STEP = 1.1
_FAR = 10  # pixels at once with Shift

Command = Callable[[bool], None]
"""Takes whether Shift is held."""


class ReadingKeys(QObject):
    """Sees keys before any widget does, in a reader's window and while somebody reads."""

    def __init__(self, room: ReadingRoom, dock: QWidget) -> None:
        """Be silent until `listen`.

        Args:
            room: What the keys do.
            dock: Owns this; keys count in its window and, while it floats, in the viewer's.
        """
        super().__init__(dock)
        self._room, self._dock = room, dock
        self._commands = self._table()

    def listen(self) -> None:
        """Begin to look at keys."""
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def stop(self) -> None:
        """Listen no more."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Act on a reader's keys; everything else goes its way."""
        if event is None or self._room.reading is None:
            return False
        kind = event.type()
        if kind in _LIFE:
            self._room.touch()
        elif kind == QEvent.Type.Close and watched in self._windows():
            self._room.end()  # the journal is free for another window
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        if not isinstance(event, QKeyEvent) or not self._meant(watched, event):
            return False
        command = self._commands.get(event.key())
        if command is None:
            return False
        event.accept()
        if kind == QEvent.Type.KeyPress:
            digit = Qt.Key.Key_1.value <= event.key() <= Qt.Key.Key_5.value
            if not (event.isAutoRepeat() and digit):  # a key held down answers once
                command(bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        return True

    def _windows(self) -> tuple[QWidget | None, ...]:
        own = self._dock.window()
        return (own,) if own is None else (own, own.parentWidget())

    def _meant(self, watched: QObject | None, event: QKeyEvent) -> bool:
        if not isinstance(watched, QWidget) or isinstance(watched, _TYPING):
            return False
        return watched.window() in self._windows() and not event.modifiers() & ~_ALLOWED

    def _table(self) -> Mapping[int, Command]:
        room, key = self._room, Qt.Key
        digits = (key.Key_1, key.Key_2, key.Key_3, key.Key_4, key.Key_5)
        table: dict[Qt.Key, Command] = {
            digit: _answering(room, score) for score, digit in enumerate(digits, start=1)
        }
        for name, rows, columns in (
            (key.Key_Up, -1, 0),
            (key.Key_Down, 1, 0),
            (key.Key_Left, 0, -1),
            (key.Key_Right, 0, 1),
        ):
            table[name] = _arrow(room, rows, columns)
        table |= {
            key.Key_Space: lambda shift: room.tiles.step_slice(-1 if shift else 1),
            key.Key_PageUp: lambda shift: _grey(room, shift, 1),
            key.Key_PageDown: lambda shift: _grey(room, shift, -1),
            key.Key_0: lambda shift: room.tiles.reset_view(),
            key.Key_N: lambda shift: room.turn(1),
            key.Key_P: lambda shift: room.turn(-1),
            key.Key_Tab: lambda shift: room.step(1),
            key.Key_Backtab: lambda shift: room.step(-1),
            key.Key_U: lambda shift: room.undo(),
            key.Key_M: room.toggle_marking,
            key.Key_Plus: lambda shift: room.resize_frame(_LARGER),
            key.Key_Equal: lambda shift: room.resize_frame(_LARGER),
            key.Key_Minus: lambda shift: room.resize_frame(1 / _LARGER),
            key.Key_Return: lambda shift: room.put_frame(),
            key.Key_Enter: lambda shift: room.put_frame(),
            key.Key_Delete: lambda shift: room.clear_marks(),
            key.Key_Backspace: lambda shift: room.clear_marks(),
            key.Key_Escape: lambda shift: room.stop_marking(),
            key.Key_B: lambda shift: room.toggle_pause(),
        }
        return {name.value: command for name, command in table.items()}


def _answering(room: ReadingRoom, score: int) -> Command:
    return lambda shift: room.answer(score)


def _grey(room: ReadingRoom, shift: bool, sign: int) -> None:
    """Lower limits are brighter, narrower ones have more contrast."""
    if shift:
        room.tiles.shift_grey(width=_GREY_STEP**-sign)
    else:
        room.tiles.shift_grey(level=-sign * (_GREY_STEP - 1))


def _arrow(room: ReadingRoom, rows: int, columns: int) -> Command:
    def act(shift: bool) -> None:
        if room.tiles.marking:
            far = _FAR if shift else 1
            room.tiles.move_frame(far * rows, far * columns)
        else:
            room.tiles.step_slice(rows + columns)

    return act
