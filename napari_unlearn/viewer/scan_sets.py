"""Forget and retain set at a glance: counts, and a few of their slices."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from napari_unlearn.viewer.studies import THUMBNAILS, ScanSetView, Study

_SIZE = 42  # side of a thumbnail [pixels]


class ScanSets(QWidget):
    """Two rows of thumbnails."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.forget, self.retain = _Row("Forget"), _Row("Retain")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for place, row in enumerate((self.forget, self.retain)):
            grid.addWidget(row, place, 0)

    def show_study(self, study: Study) -> None:
        """Show the sets of an experiment."""
        self.forget.show_set(study.forget)
        self.retain.show_set(study.retain)


class _Row(QWidget):
    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.text = QLabel(f"<b>{title}</b>")
        self.pictures = [QLabel() for _ in range(THUMBNAILS)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.text, stretch=1)
        for picture in self.pictures:
            picture.setFixedSize(_SIZE, _SIZE)
            row.addWidget(picture)

    def show_set(self, view: ScanSetView) -> None:
        scans = f"{view.scans} scan" + ("" if view.scans == 1 else "s")
        slices = f"{view.slices} slice" + ("" if view.slices == 1 else "s")
        self.text.setText(f"<b>{self._title}</b><br>{scans}<br>{slices}")
        for place, picture in enumerate(self.pictures):
            known = place < len(view.thumbnails)
            picture.setPixmap(_pixmap(view.thumbnails[place]) if known else QPixmap())
            picture.setToolTip(view.captions[place] if known else "")


def _pixmap(image: NDArray[np.float32]) -> QPixmap:
    """An image, (rows, columns) from 0 to 1, as a square picture."""
    grey = np.ascontiguousarray(image * 255, dtype=np.uint8)
    rows, columns = grey.shape
    picture = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(picture).scaled(
        _SIZE,
        _SIZE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
