"""Training slices in the order of their responsibility: pictures, figures, ticks."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_unlearn.viewer.responsible_tasks import Answer
from napari_unlearn.viewer.thumbnail import thumbnail

_SIZE = 56  # side of a thumbnail [pixels]
_SOURCE = Qt.ItemDataRole.UserRole
_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class ResponsibleList(QListWidget):
    """Ticked scans are to be forgotten; those of slices that stand out are ticked at first."""

    ticked_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setIconSize(QSize(_SIZE, _SIZE))
        self.setMinimumHeight(3 * _SIZE)
        self.setToolTip("Tick what is to be forgotten; a scan is forgotten with all its slices")
        self.itemChanged.connect(self._on_changed)

    def show_answer(self, answer: Answer) -> None:
        """List the first slices of an answer."""
        suspects = {each.source for each in answer.found.suspects}
        self.blockSignals(True)
        self.clear()
        slices = zip(answer.shown, answer.pictures, strict=True)
        for place, (each, picture) in enumerate(slices, start=1):
            text = f"{place}. {each.scan}, slice {each.slice}\nrobust z {each.z:.1f}, {each.set}"
            item = QListWidgetItem(QIcon(thumbnail(picture, 2 * _SIZE)), text)
            item.setData(_SOURCE, each.source)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_CHECKED if each.source in suspects else _UNCHECKED)
            item.setToolTip(f"{each.source}\nscore {each.score:.3g}")
            self.addItem(item)
        self.blockSignals(False)
        self.ticked_changed.emit()

    @property
    def ticked(self) -> tuple[str, ...]:
        """Paths of the scans to forget, the most responsible first."""
        chosen = (item.data(_SOURCE) for item in self._items() if item.checkState() == _CHECKED)
        return tuple(dict.fromkeys(chosen))

    def _items(self) -> list[QListWidgetItem]:
        items = (self.item(row) for row in range(self.count()))
        return [item for item in items if item is not None]

    def _on_changed(self, changed: QListWidgetItem) -> None:
        """A scan is forgotten as a whole: its other slices follow."""
        self.blockSignals(True)
        for item in self._items():
            if item.data(_SOURCE) == changed.data(_SOURCE):
                item.setCheckState(changed.checkState())
        self.blockSignals(False)
        self.ticked_changed.emit()
