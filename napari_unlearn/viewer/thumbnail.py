"""A slice as a small picture."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap


def thumbnail(image: NDArray[np.float32], size: int) -> QPixmap:
    """An image, (rows, columns) from 0 to 1, at most `size` pixels wide and high."""
    grey = np.ascontiguousarray(image * 255, dtype=np.uint8)
    rows, columns = grey.shape
    picture = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(picture).scaled(
        size,
        size,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
