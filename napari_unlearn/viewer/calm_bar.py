"""A progress bar that leaves it to the window when it is drawn anew."""

from collections.abc import Callable

from qtpy.QtWidgets import QProgressBar


class CalmBar(QProgressBar):
    """Never draws at once.

    Qt's own draws itself whenever its value changes, before the call returns, and beside an
    OpenGL canvas that means to compose the whole window: up to 0.1 s, twice per change.
    """

    def setRange(self, minimum: int, maximum: int) -> None:  # noqa: N802
        """Ends of the scale."""
        self._quietly(lambda: super(CalmBar, self).setRange(minimum, maximum))

    def setValue(self, value: int) -> None:  # noqa: N802
        """Where on the scale."""
        self._quietly(lambda: super(CalmBar, self).setValue(value))

    def _quietly(self, change: Callable[[], None]) -> None:
        self.setUpdatesEnabled(False)
        change()
        self.setUpdatesEnabled(True)  # asks for a redraw in one of the next turns
