"""The clock that exchanges two pictures."""

from qtpy.QtCore import QObject, Qt, QTimer, Signal

SLOWEST, FASTEST = 0.5, 10.0
"""Rates that can be chosen [Hz]: how often A comes back in a second."""

USUAL = 1.5
"""Below three a second, which is what flashing pictures should not exceed (WCAG 2.3.1)."""


class Flicker(QObject):
    """Tells when the other picture is due; its owner draws."""

    turned = Signal(bool)
    """Whether B is due, else A."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rate = USUAL
        self.second = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.turn)

    @property
    def running(self) -> bool:
        """Whether it turns by itself."""
        return self._timer.isActive()

    @property
    def interval(self) -> int:
        """How long each picture stays [ms]."""
        return round(500 / self.rate)

    def start(self) -> None:
        """Exchange the pictures at the rate chosen."""
        self._timer.start(self.interval)

    def stop(self) -> None:
        """Leave the picture that is shown."""
        self._timer.stop()

    def set_rate(self, rate: float) -> None:
        """Choose another rate [Hz], kept between `SLOWEST` and `FASTEST`."""
        self.rate = min(max(rate, SLOWEST), FASTEST)
        if self.running:
            self._timer.start(self.interval)

    def turn(self) -> None:
        """Exchange the pictures now."""
        self.second = not self.second
        self.turned.emit(self.second)
