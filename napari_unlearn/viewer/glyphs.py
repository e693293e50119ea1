"""Letters of captions drawn before anybody waits for them, one per turn of the event loop.

napari draws a letter when a text first holds it, 6 to 10 ms each, and a first grid of tiles with
its captions, figures and verdicts holds some sixty.
"""

import string
from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_unlearn.viewer.marks import SIGNS, SYMBOLS

if TYPE_CHECKING:
    from napari import Viewer

_PATIENCE = 300  # milliseconds until the window is there, if it is to be seen
_BETWEEN = 25  # milliseconds from one letter to the next
_LETTERS = dict.fromkeys(
    string.ascii_letters
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
        letters = font.font_manager.get_font(font.face)
        left = iter(_LETTERS)
        timer = QTimer(window)  # goes with it

        def draw() -> None:
            letter = next(left, None)
            if letter is None or not window.isVisible():
                timer.stop()
                timer.deleteLater()
            else:
                timer.setInterval(_BETWEEN)
                letters[letter]

        timer.timeout.connect(draw)
        timer.start(_PATIENCE)
