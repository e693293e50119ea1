"""Sliders for the undersampling; whenever one moves, all models run again."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.worker import End

if TYPE_CHECKING:
    from napari_unlearn.viewer.session import Session
    from napari_unlearn.viewer.settings_form import SettingsForm

_PATIENCE = 250  # milliseconds without another move until the models run
_PER_CENT = 100


class LiveSampling(QWidget):
    """Moves the fields of the settings form, which stay the one place that knows them.

    A comparison in flight is cancelled; anything else that runs is left to end.
    """

    failed = Signal(str)

    def __init__(
        self, session: "Session", form: "SettingsForm", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._form = session, form
        self._comparing = self._again = False
        self.acceleration = QSlider(Qt.Orientation.Horizontal)
        self.acceleration.setRange(0, form.acceleration.count() - 1)
        self.acceleration.setPageStep(1)
        self.fraction = QSlider(Qt.Orientation.Horizontal)
        self.fraction.setRange(0, round(form.fraction.maximum() * _PER_CENT))
        self.fraction.setPageStep(2)
        self.acceleration_text, self.fraction_text = QLabel(), QLabel()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PATIENCE)
        self._soon.timeout.connect(self._run)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnMinimumWidth(2, 66)
        for row, (title, slider, text) in enumerate(
            (
                ("Acceleration", self.acceleration, self.acceleration_text),
                ("Centre", self.fraction, self.fraction_text),
            )
        ):
            slider.setToolTip("All models run again when this moves")
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(text, row, 2)
        self.acceleration.valueChanged.connect(self._on_acceleration)
        self.fraction.valueChanged.connect(self._on_fraction)
        form.acceleration.currentIndexChanged.connect(self._follow)
        form.fraction.valueChanged.connect(self._follow)
        session.changed.connect(self._follow)
        session.jobs.started.connect(self._on_started)
        session.jobs.ended.connect(self._on_ended)
        self._follow()

    def _follow(self, *_: object) -> None:
        """Show what the form says; nothing runs because of it."""
        form = self._form
        for slider, value, field in (
            (self.acceleration, form.acceleration.currentIndex(), form.acceleration),
            (self.fraction, round(form.fraction.value() * _PER_CENT), form.fraction),
        ):
            slider.blockSignals(True)
            slider.setValue(value)
            slider.blockSignals(False)
            slider.setEnabled(field.isEnabled())
        self.acceleration_text.setText(form.acceleration.currentText())
        self.fraction_text.setText(f"{100 * form.fraction.value():.0f} %")

    def _on_acceleration(self, place: int) -> None:
        self._form.acceleration.setCurrentIndex(place)
        self._soon.start()

    def _on_fraction(self, value: int) -> None:
        self._form.fraction.setValue(value / _PER_CENT)
        self._soon.start()

    def _run(self) -> None:
        session = self._session
        if session.opened is None or not session.models:
            return  # the settings are chosen; there is nothing to run them on
        if session.jobs.running:
            self._again = True
            if self._comparing:
                session.jobs.cancel()
            return
        try:
            session.compare(keep=True)
        except UnlearnError as error:
            self.failed.emit(str(error))

    def _on_started(self, title: str) -> None:
        self._comparing = title == "Comparing"

    def _on_ended(self, end: End) -> None:
        if self._again:
            self._again = False
            if end.outcome != "failed":
                QTimer.singleShot(0, self._run)  # the session has the first word at a job's end
