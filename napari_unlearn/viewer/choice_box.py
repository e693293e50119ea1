"""A list to choose from in which what cannot be had is grey and says why."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unlearn.viewer.map_choice import Choice
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel


class ChoiceBox(QComboBox):
    """Its data are the names of the choices."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: tuple[Choice, ...] = ()
        keep_from_wheel(self)
        self.setMinimumContentsLength(6)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def offer(self, choices: Sequence[Choice], chosen: str) -> None:
        """Show these choices and which is chosen; emits nothing."""
        self.blockSignals(True)
        if tuple(choices) != self._choices:
            self._choices = tuple(choices)
            model = QStandardItemModel(len(choices), 1, self)
            for row, choice in enumerate(choices):
                item = QStandardItem(choice.title)
                item.setData(choice.name, Qt.ItemDataRole.UserRole)
                item.setToolTip(choice.tip)
                item.setEnabled(choice.available)
                model.setItem(row, item)
            self.setModel(model)
        place = self.findData(chosen)
        self.setCurrentIndex(place)
        self.blockSignals(False)
        self.setToolTip(self._choices[place].tip if place >= 0 else "")

    def step(self, by: int) -> None:
        """Choose the next that can be had (1) or the one before (-1), around the ends."""
        places = range(len(self._choices))
        ahead = [(self.currentIndex() + by * far) % len(places) for far in places[1:]]
        for place in ahead:
            if self._choices[place].available:
                self.setCurrentIndex(place)
                return
