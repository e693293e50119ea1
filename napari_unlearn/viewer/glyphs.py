"""Letters of captions drawn before anybody waits for them, one per turn of the event loop.

napari draws a letter when a text first holds it, 6 to 10 ms each, and a first grid of tiles with
its captions, figures and verdicts holds some sixty.
"""

import string
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_unlearn.viewer.marks import SIGNS, SYMBOLS

if TYPE_CHECKING:
    from napari import Viewer

_PATIENCE = 300  # milliseconds until the window is there, if it is to be seen
_BETWEEN = 25  # milliseconds from one letter to the next
_MEASURED = "ÅÉÑŐjgpqy"  # by vispy with every text, to know how high and deep letters reach
_LETTERS = dict.fromkeys(
    _MEASURED
    + string.ascii_letters
    + string.digits
    + " .,·…-−+|()%"
    + "".join((*SIGNS.values(), *SYMBOLS.values()))
)


def draw_letters(viewer: "Viewer") -> None:
    """Have napari draw the letters of captions while nothing else happens.

    Where there is no window nobody reads; a later napari, built otherwise inside, draws them when
    it needs them.
    """
    with suppress(AttributeError):
        window = viewer.window._qt_viewer
        font = window.canvas.font_info()
        _Letters(window, font.font_manager.get_font(font.face))


class _Letters(QObject):
    """Belongs to a window, goes with it, and keeps nothing of it alive."""

    def __init__(self, window: QWidget, font: Any) -> None:
        super().__init__(window)
        self._font, self._left = font, iter(_LETTERS)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._draw)
        self._timer.start(_PATIENCE)

    def _draw(self) -> None:
        letter, window = next(self._left, None), self.parent()
        if letter is None or not (isinstance(window, QWidget) and window.isVisible()):
            self._timer.stop()
        else:
            self._timer.setInterval(_BETWEEN)
            _ = self._font[letter]
