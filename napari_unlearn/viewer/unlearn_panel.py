"""Start, Pause, Stop & keep, Abort; how far it is; the one line where errors appear."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_unlearn.unlearning.events import Event, Preparing
from napari_unlearn.viewer.calm_bar import CalmBar
from napari_unlearn.viewer.run_log import RunLog
from napari_unlearn.viewer.run_panel import time_left
from napari_unlearn.viewer.status_line import status_line
from napari_unlearn.viewer.studies import Drawn
from napari_unlearn.viewer.training import Training

_WORDS = {
    "finished": "is finished; its model is kept.",
    "kept": "was stopped after {step} of {steps} steps; the model so far is kept.",
    "aborted": "was aborted; nothing is kept.",
}


class UnlearnPanel(QWidget):
    """Follows the run of a session; buttons change on its signals, not on clicks."""

    start_requested = Signal()

    def __init__(self, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self._ready = False
        self.start = QPushButton("Start")
        self.pause = QPushButton("Pause")
        self.stop = QPushButton("Stop && keep")
        self.abort = QPushButton("Abort")
        self.pause.setToolTip("Wait after the step in hand; nothing is lost")
        self.stop.setToolTip("End now and keep the model as it is")
        self.abort.setToolTip("End now and keep nothing")
        self.bar = CalmBar()
        self.status = status_line()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for place, button in enumerate((self.start, self.pause, self.stop, self.abort)):
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(button, 0, place)
            grid.setColumnStretch(place, 3 if button in (self.start, self.stop) else 2)
        grid.addWidget(self.bar, 1, 0, 1, 4)
        grid.addWidget(self.status, 2, 0, 1, 4)
        self.start.clicked.connect(self.start_requested)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(training.jobs.cancel)
        self.abort.clicked.connect(training.jobs.discard)
        training.began.connect(self.refresh)
        training.moved.connect(self._on_moved)
        training.ended.connect(self.refresh)
        training.jobs.cancelling.connect(self._on_cancelling)
        training.said.connect(self._on_said)
        training.drawn.connect(self._on_drawn)
        training.looking.started.connect(self._on_looking)
        training.looking.ended.connect(self._on_looked)
        self.refresh()

    def set_ready(self, ready: bool) -> None:
        """Let the user start, or not yet."""
        self._ready = ready
        self.start.setEnabled(ready)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Write one sentence to the status line."""
        self.status.setText(text)
        self.status.setStyleSheet("color: #FF8A5C;" if wrong else "")

    def refresh(self) -> None:
        """Show the run as it stands."""
        log = self._training.log
        running = log is not None and not log.over
        self.start.setText("Queue" if running else "Start")
        self.start.setEnabled(self._ready)
        self.start.setToolTip("Run this after the one under way" if running else "")
        for button in (self.pause, self.stop, self.abort):
            button.setEnabled(running)
        self.pause.setText("Resume" if log is not None and log.state == "paused" else "Pause")
        if log is None:
            self._clear_bar()
            return
        self._show_progress(log)
        if log.over:
            self._say_how_it_ended(log)

    def _show_progress(self, log: RunLog) -> None:
        if log.over:
            self._clear_bar()
        elif log.state in ("starting", "preparing") or not log.steps:
            self.bar.setRange(0, 1)
            self.bar.setFormat("")
            self.say(f"{log.name}: {'preparing' if log.device else 'starting'}…")
        else:
            self.bar.setRange(0, log.steps)
            self.bar.setValue(log.step)
            left = "paused" if log.state == "paused" else time_left(log.seconds_left)
            self.bar.setFormat(f"step {log.step} of {log.steps}  {left}")
            loss = f", loss {log.losses[-1][1]:.4g}" if log.losses else ""
            self.say(f"{log.name} on {log.device}{loss}")

    def _say_how_it_ended(self, log: RunLog) -> None:
        if log.state == "failed":
            self.say(log.message, wrong=True)
            return
        words = _WORDS[log.state].format(step=log.step, steps=log.steps)
        alarms = [alarm for alarm in log.alarms if log.state == "finished"]
        self.say(" ".join([f"{log.name} {words}", *alarms]))

    def _clear_bar(self) -> None:
        self.bar.setRange(0, 100)
        self.bar.setValue(0)
        self.bar.setFormat("")

    def _on_moved(self, event: Event) -> None:
        self.refresh()
        if isinstance(event, Preparing):
            self.bar.setRange(0, max(event.total, 1))
            self.bar.setValue(event.done)
            self.bar.setFormat("preparing %p %")

    def _on_pause(self) -> None:
        log = self._training.log
        if log is None:
            return
        if log.state == "paused":
            self._training.jobs.resume()
        else:
            self._training.jobs.pause()
            self.pause.setText("Pausing…")

    def _on_cancelling(self) -> None:
        for button in (self.pause, self.stop, self.abort):
            button.setEnabled(False)
        self.say("Stopping after the step in hand…")

    def _on_looking(self, title: str) -> None:
        if not self._training.jobs.running:
            self.bar.setRange(0, 1)
        self.say(f"{title}…")

    def _on_drawn(self, drawn: Drawn) -> None:
        if not self._training.jobs.running:
            self.bar.setRange(0, drawn.total)
            self.bar.setValue(drawn.done)

    def _on_looked(self) -> None:
        if not self._training.jobs.running:
            self._clear_bar()
            if self.status.text().endswith("…"):
                self.say("")

    def _on_said(self, text: str, wrong: bool) -> None:
        self.say(text, wrong=wrong)
