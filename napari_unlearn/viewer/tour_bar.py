"""The bar above the canvas on which a tour speaks: large letters, and whose turn it is."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QToolBar, QWidget

from napari_unlearn.viewer.tour_steps import Step

_LETTERS_PER_LINE = 38
"""The title's font size is the width of the window over this. On a 24-inch screen its capitals
are then 9 mm high, which at 3 m is twice what an eye of acuity 1 needs."""

_SIZES = (16, 96)  # of the title's font [pixels]
_SMALLER = 0.68  # the text, of the title
_HINT = 0.42  # whose turn it is, of the title
_STYLE = """
QToolBar, QWidget#caption {{ background: #0d1117; border: none; }}
QLabel#title {{ font-size: {title}px; font-weight: 600; color: white; background: transparent; }}
QLabel#text {{ font-size: {text}px; color: #c9d4df; background: transparent; }}
QLabel#hint {{ font-size: {hint}px; color: #9aa7b4; background: transparent; }}
QPushButton#go {{ font-size: {hint}px; padding: 2px 10px; }}
"""


class TourBar(QToolBar):
    """Shows captions; as high with one caption as with another, so that the canvas stands still."""

    go_on = Signal()
    """A visitor asks for the tour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Tour", parent)
        self.setObjectName("tour")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.toggleViewAction().setVisible(False)
        self.title, self.text, self.hint = QLabel(), QLabel(), QLabel()
        self.button = QPushButton("Go on now")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # else a visitor's space would press it
        for name in ("title", "text", "hint"):
            getattr(self, name).setObjectName(name)
        self.button.setObjectName("go")
        for label in (self.title, self.text):
            label.setMinimumWidth(1)  # in a narrow window it is cut off; the window stays as it is
        caption = QWidget()
        caption.setObjectName("caption")
        caption.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        grid = QGridLayout(caption)
        grid.setContentsMargins(14, 4, 14, 6)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.text, 1, 0)
        grid.addWidget(self.hint, 0, 1)
        grid.addWidget(self.button, 0, 2)
        grid.addWidget(self.text, 1, 0, 1, 3)
        self.addWidget(caption)
        self._size = 0
        self._fit()
        self.button.clicked.connect(self.go_on)

    def show_step(self, step: Step, place: int, count: int) -> None:
        """Show the caption of a step, the `place`-th from 0 of `count`."""
        self._say(step.title, step.text)
        self.hint.setText(f"{place + 1} of {count} · touch anything to take over")
        self.button.hide()

    def show_pause(self, seconds: float | None) -> None:
        """Show that a visitor has the window, and when the tour takes it back.

        Args:
            seconds: Until then; None waits for a job that is running or a dialog that is open.
        """
        self._say("Your turn", "Zoom, click a region in the table, unlearn live, open a scan.")
        when = "when this is done" if seconds is None else f"in {max(1, round(seconds))} s"
        self.hint.setText(f"untouched, the tour goes on {when}")
        self.button.show()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Let the letters grow with the window."""
        super().resizeEvent(event)
        self._fit()

    def _say(self, title: str, text: str) -> None:
        self.title.setText(title)
        self.text.setText(text)

    def _fit(self) -> None:
        size = min(max(self.width() // _LETTERS_PER_LINE, _SIZES[0]), _SIZES[1])
        if size == self._size:
            return
        self._size = size
        self.setStyleSheet(
            _STYLE.format(title=size, text=round(_SMALLER * size), hint=round(_HINT * size))
        )
        self.setFixedHeight(round(1.4 * (1 + _SMALLER) * size) + 12)
