"""Drag through the epochs of a run and watch a hallucination fade."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from napari_unlearn.viewer.measures import MEASURES
from napari_unlearn.viewer.run_log import RunLog


class EpochScrubber(QWidget):
    """A slider over the epochs that have a picture."""

    chosen = Signal(object)
    """An epoch, or None for the model that was kept."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log: RunLog | None = None
        self._epochs: list[int] = []
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setPageStep(1)
        self.text = QLabel()
        self.text.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(QLabel("Epochs"))
        row.addWidget(self.slider, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.text)
        self.slider.valueChanged.connect(self._on_moved)
        self.hide()

    def show_log(self, log: RunLog | None) -> None:
        """Offer the epochs of a run that is over; hidden while there is nothing to drag."""
        self._log = log
        kept = log is not None and log.over and log.checkpoint is not None
        self._epochs = sorted(log.previews) if log is not None and kept else []
        self.setVisible(len(self._epochs) > 1)
        if not self.isHidden():
            self.slider.blockSignals(True)
            self.slider.setRange(0, len(self._epochs))
            self.slider.setValue(len(self._epochs))
            self.slider.blockSignals(False)
            self._write(None)

    def _on_moved(self, place: int) -> None:
        epoch = self._epochs[place] if place < len(self._epochs) else None
        self._write(epoch)
        self.chosen.emit(epoch)

    def _write(self, epoch: int | None) -> None:
        if epoch is None:
            self.text.setText("<b>The model that was kept</b> · drag to see it learn")
            return
        log = self._log
        measure = MEASURES["reconstruction" if log is None else log.task][0]
        ending = f"_{measure.key}"
        words = [
            f"{name.removesuffix(ending).replace('_', ' ')} {measure.written(value)}"
            for name, value in (log.figures(epoch) if log is not None else {}).items()
            if name.endswith(ending)
        ]
        start = "Before the first step" if epoch == 0 else f"After epoch {epoch}"
        self.text.setText(" · ".join([f"<b>{start}</b>", *words]))
