"""What dims the tiles that a tour does not speak of."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_unlearn.viewer.live_overlay import cell_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari import Viewer

    from napari_unlearn.viewer.tile import Tile
    from napari_unlearn.viewer.tiles import Tiles

_SHADE = QColor(0, 0, 0, 175)


class TourLight(QWidget):
    """Lies over a canvas and lets every click through."""

    def __init__(self, viewer: "Viewer", tiles: "Tiles") -> None:
        canvas = viewer.window._qt_viewer.canvas.native
        super().__init__(canvas)
        self._viewer, self._tiles, self._canvas = viewer, tiles, canvas
        self._lit: tuple[str, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        canvas.installEventFilter(self)
        self.hide()

    def turn_to(self, names: tuple[str, ...]) -> None:
        """Dim all tiles but these and what is below them; none given: dim nothing."""
        self._lit = names
        self.setGeometry(self._canvas.rect())
        self.setVisible(bool(names))
        self.raise_()
        self.update()

    @property
    def dimmed(self) -> tuple[str, ...]:
        """Names of the upper tiles that are dimmed."""
        return tuple(_name(tile) for tile in self._tiles.upper if self._is_dark(tile))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Keep as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Shade cells where they are now."""
        painter = QPainter(self)
        for tile in self._dark():
            cell = cell_of(self._viewer, tile.image)
            if cell is not None:
                painter.fillRect(cell, _SHADE)
        painter.end()

    def _dark(self) -> "Iterable[Tile]":
        for place, tile in enumerate(self._tiles.upper):
            if self._is_dark(tile):
                yield tile
                if place < len(self._tiles.lower):
                    yield self._tiles.lower[place]

    def _is_dark(self, tile: "Tile") -> bool:
        return bool(self._lit) and _name(tile) not in self._lit


def _name(tile: "Tile") -> str:
    """Of the model, or of the reference: a tile's caption up to its figures."""
    return str(tile.image.name).split(" · ")[0]
