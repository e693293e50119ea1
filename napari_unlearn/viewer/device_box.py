"""A choice of devices, made known after the window is there: to ask for them imports torch."""

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QWidget

from napari_unlearn.viewer.tasks import Device


class DeviceBox(QComboBox):
    """Offers "auto" until the devices of this machine are known; its data are their keys."""

    def __init__(self, text: str = "Automatic (looking…)", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItem(text, "auto")

    def offer(self, devices: Sequence[Device]) -> None:
        """Offer these instead, and say which is chosen now once all are there."""
        self.blockSignals(True)
        self.clear()
        for device in devices:
            self.addItem(device.name, device.key)
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())
