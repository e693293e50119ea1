"""How to compare: undersampling, device, what errors are measured against."""

from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.device_box import DeviceBox
from napari_unlearn.viewer.session import Session
from napari_unlearn.viewer.tasks import Reference

_ACCELERATIONS = (2, 3, 4, 6, 8, 10, 12, 16)
_REFERENCES: dict[str, Reference] = {"Ground truth": "truth", "Oracle": "oracle"}


class SettingsForm(QWidget):
    """Edits the `Settings` of a session."""

    failed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.acceleration = QComboBox()
        self.acceleration.addItem("as trained", None)
        for factor in _ACCELERATIONS:
            self.acceleration.addItem(f"× {factor}", factor)
        self.acceleration.setToolTip("Columns of k-space per acquired column")
        self.fraction = QDoubleSpinBox()
        self.fraction.setRange(0.0, 0.5)
        self.fraction.setSingleStep(0.01)
        self.fraction.setSuffix(" centre")
        self.fraction.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.fraction.setToolTip("Share of the columns that is fully sampled around DC")
        self.device = DeviceBox()
        self.reference = QComboBox()
        self.reference.addItems(list(_REFERENCES))
        settings = session.settings
        self.acceleration.setCurrentIndex(self.acceleration.findData(settings.acceleration))
        self.fraction.setValue(settings.center_fraction)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        self.reference.setToolTip("What errors are measured against")
        self.fraction.setFixedWidth(104)
        grid.addWidget(QLabel("Acceleration"), 0, 0)
        grid.addWidget(self.acceleration, 0, 1)
        grid.addWidget(self.fraction, 0, 2)
        grid.addWidget(QLabel("Device"), 1, 0)
        grid.addWidget(self.device, 1, 1, 1, 2)
        grid.addWidget(QLabel("Reference"), 2, 0)
        grid.addWidget(self.reference, 2, 1, 1, 2)
        self.acceleration.currentIndexChanged.connect(self._on_sampling)
        self.fraction.valueChanged.connect(self._on_sampling)
        self.device.currentIndexChanged.connect(self._on_device)
        self.reference.currentTextChanged.connect(self._on_reference)
        session.devices_known.connect(self.device.offer)
        session.changed.connect(self._show_scan)
        if session.devices:
            self.device.offer(session.devices)
        self._show_scan()

    def _show_scan(self) -> None:
        opened = self._session.opened
        free = opened is None or opened.scan.acquired is None
        self.acceleration.setEnabled(free)
        self.fraction.setEnabled(free and self.acceleration.currentData() is not None)
        if not free:
            self.acceleration.setToolTip("This scan was acquired undersampled and keeps its lines")

    def _on_sampling(self) -> None:
        chosen = self.acceleration.currentData()
        self.fraction.setEnabled(chosen is not None)
        self._session.settings = replace(
            self._session.settings,
            acceleration=chosen,
            center_fraction=self.fraction.value(),
        )

    def _on_device(self) -> None:
        self._session.settings = replace(
            self._session.settings,
            device=self.device.currentData(),
            device_name=self.device.currentText(),
        )

    def _on_reference(self, text: str) -> None:
        try:
            self._session.judge_by(_REFERENCES[text])
        except UnlearnError as error:
            self.failed.emit(str(error))
            back = next(k for k, v in _REFERENCES.items() if v == self._session.settings.reference)
            self.reference.blockSignals(True)
            self.reference.setCurrentText(back)
            self.reference.blockSignals(False)
