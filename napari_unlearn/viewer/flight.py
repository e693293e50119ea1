"""A camera that flies instead of jumping, so that the eye keeps its place."""

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEasingCurve, QObject, QVariantAnimation

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    Place = tuple[tuple[float, ...], float]
    """Centre [mm] and zoom [canvas pixels per mm]."""


class Flight(QVariantAnimation):
    """Moves the camera of a viewer to where an action puts it."""

    def __init__(self, viewer: "Viewer", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._camera = viewer.scene.camera
        self._from = self._to = self._place
        self.setStartValue(0.0)
        self.setEndValue(1.0)
        self.setEasingCurve(QEasingCurve.Type.InOutCubic)
        self.valueChanged.connect(self._on_moved)

    def take(self, action: "Callable[[], None]", milliseconds: int) -> None:
        """Do what moves the camera, then fly from where it was to where it is.

        Args:
            action: Moves the camera at once.
            milliseconds: Of the flight; 0 jumps.
        """
        self.stop()
        self._from = self._place
        action()
        self._to = self._place
        if milliseconds > 0 and self._from != self._to:
            self._put(*self._from)
            self.setDuration(milliseconds)
            self.start()

    @property
    def _place(self) -> "Place":
        return tuple(self._camera.center), float(self._camera.zoom)

    def _on_moved(self, share: float) -> None:
        if share >= 1.0:
            self._put(*self._to)
            return
        (start, near), (end, far) = self._from, self._to
        centre = (1 - share) * np.array(start) + share * np.array(end)
        self._put(tuple(centre.tolist()), near ** (1 - share) * far**share)

    def _put(self, centre: tuple[float, ...], zoom: float) -> None:
        self._camera.center, self._camera.zoom = centre, zoom
