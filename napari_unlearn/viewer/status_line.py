"""The line below a progress bar that says how things stand."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy


def status_line() -> QLabel:
    """A label whose text wraps, can be copied, and never widens its dock."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setMinimumHeight(34)  # two lines: the widgets below stay where they are
    return label
