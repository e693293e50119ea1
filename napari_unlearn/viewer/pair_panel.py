"""Choose two pictures and how to hold them against each other."""

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QSlider, QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.line_profile import volumes
from napari_unlearn.viewer.flicker import FASTEST, SLOWEST
from napari_unlearn.viewer.pair import Mode
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel

if TYPE_CHECKING:
    from napari_unlearn.viewer.session import Session

_TITLES: dict[Mode | None, str] = {
    None: "Tiles",
    "flicker": "Flicker",
    "wipe": "Wipe",
    "difference": "A − B",
}

_PER_HERTZ = 10  # steps of the slider


class PairPanel(QWidget):
    """Thin face of a session's `PairView`."""

    failed = Signal(str)

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._pair = session, session.pair
        self.first, self.second = QComboBox(), QComboBox()
        self.swap = QPushButton("⇄")
        self.swap.setToolTip("Exchange A and B")
        self.swap.setFixedWidth(34)
        self.buttons: dict[Mode | None, QPushButton] = {}
        for mode, title in _TITLES.items():
            button = QPushButton(title)
            button.setCheckable(True)
            button.clicked.connect(partial(self._on_mode, mode))
            self.buttons[mode] = button
        self.rate = QSlider(Qt.Orientation.Horizontal)
        self.rate.setRange(round(SLOWEST * _PER_HERTZ), round(FASTEST * _PER_HERTZ))
        self.rate.setToolTip("How often A comes back in a second; above 3 Hz it flashes")
        self.rate_text = QLabel()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(_labelled("A"), 0, 0)
        grid.addWidget(self.first, 0, 1, 1, 2)
        grid.addWidget(self.swap, 0, 3, 2, 1)
        grid.addWidget(_labelled("B"), 1, 0)
        grid.addWidget(self.second, 1, 1, 1, 2)
        for column, button in enumerate(self.buttons.values()):
            grid.addWidget(button, 2, column)
        grid.addWidget(self.rate, 3, 0, 1, 3)
        grid.addWidget(self.rate_text, 3, 3)
        for column in range(4):
            grid.setColumnStretch(column, 1)
        self.first.activated.connect(self._on_choice)
        self.second.activated.connect(self._on_choice)
        self.swap.clicked.connect(self._on_swap)
        self.rate.valueChanged.connect(self._on_rate)
        self._pair.changed.connect(self._show_pair)
        keep_from_wheel(self)
        self._show_pair()

    def set_rate(self, rate: float) -> None:
        """Choose the rate of the flicker [Hz]."""
        self.rate.setValue(round(rate * _PER_HERTZ))

    def _show_pair(self) -> None:
        comparison, pair = self._session.comparison, self._pair.pair
        names = [] if comparison is None else list(volumes(comparison))
        chosen = ("", "") if pair is None else (pair.first, pair.second)
        for box, name in zip((self.first, self.second), chosen, strict=True):
            if [box.itemText(place) for place in range(box.count())] != names:
                box.clear()
                box.addItems(names)
            box.setCurrentText(name)
        for mode, button in self.buttons.items():
            button.setEnabled(pair is not None)
            button.setChecked(mode == self._pair.mode)
        self.swap.setEnabled(pair is not None)
        self.set_rate(self._pair.flicker.rate)
        self.rate_text.setText(f"{self._pair.flicker.rate:.1f} Hz")

    def _on_mode(self, mode: Mode | None, _checked: bool = False) -> None:
        try:
            if mode is None:
                self._pair.leave()
            else:
                self._pair.show(mode)
        except UnlearnError as error:
            self.failed.emit(str(error))
        self._show_pair()  # a click alone must not check a button

    def _on_choice(self, _index: int) -> None:
        try:
            self._pair.choose(self.first.currentText(), self.second.currentText())
        except UnlearnError as error:
            self.failed.emit(str(error))

    def _on_swap(self) -> None:
        self._pair.exchange()

    def _on_rate(self, value: int) -> None:
        self._pair.flicker.set_rate(value / _PER_HERTZ)
        self.rate_text.setText(f"{self._pair.flicker.rate:.1f} Hz")


def _labelled(text: str) -> QLabel:
    label = QLabel(text)
    label.setFixedWidth(14)
    return label
