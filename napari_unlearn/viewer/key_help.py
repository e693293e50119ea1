"""The keys, listed over the canvas."""

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_unlearn.viewer.keys import KEYS

if TYPE_CHECKING:
    from napari import Viewer

_STYLE = "background: rgba(16, 18, 22, 238); color: #F0F1F2; padding: 12px; font-size: {}px;"
_SIZES = (13, 12, 11, 10, 9)  # pixels; the largest that leaves nothing out


class KeyHelp:
    """Made when it is first asked for; a click or the same key puts it away."""

    def __init__(self, viewer: "Viewer") -> None:
        self._viewer = viewer
        self.label: QLabel | None = None
        """What is shown; None before it was asked for."""

    def toggle(self) -> None:
        """Show the keys, or put them away."""
        if self.label is None:
            self.label = _Sheet(self._viewer.window._qt_viewer.canvas.native)
        canvas = self.label.parentWidget()
        if self.label.isVisible() or canvas is None:
            self.label.hide()
            return
        self.label.setText(table())
        for size in _SIZES:
            self.label.setStyleSheet(_STYLE.format(size))
            self.label.adjustSize()
            if self.label.width() <= canvas.width() and self.label.height() <= canvas.height():
                break
        self.label.move(
            max(0, (canvas.width() - self.label.width()) // 2),
            max(0, (canvas.height() - self.label.height()) // 2),
        )
        self.label.show()
        self.label.raise_()


class _Sheet(QLabel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.hide()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Go away."""
        self.hide()


def table() -> str:
    """All keys as HTML, two groups beside two."""
    groups = [
        f"<tr><td colspan='2'><b>{escape(name)}</b></td></tr>"
        + "".join(
            f"<tr><td style='color:#FFB000; padding-right: 12px'>{escape(key.title)}</td>"
            f"<td>{escape(key.does)}</td></tr>"
            for key in keys
        )
        for name, keys in KEYS.items()
    ]
    half = (len(groups) + 1) // 2
    columns = ("".join(groups[:half]), "".join(groups[half:]))
    cells = "".join(
        f"<td style='padding-right: 24px' valign='top'><table>{rows}</table></td>"
        for rows in columns
    )
    return f"<table><tr>{cells}</tr></table>"


def markdown() -> str:
    """The same as the table of the documentation."""
    lines = ["| key | what it does |", "|---|---|"]
    for name, keys in KEYS.items():
        lines.append(f"| | **{name}** |")
        lines += [f"| `{key.title}` | {key.does} |" for key in keys]
    return "\n".join(lines) + "\n"
