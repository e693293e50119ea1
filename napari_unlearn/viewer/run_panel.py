"""Run, Cancel, progress with time left, and the one line where errors appear."""

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_unlearn.viewer.calm_bar import CalmBar
from napari_unlearn.viewer.progress import Progress
from napari_unlearn.viewer.status_line import status_line
from napari_unlearn.viewer.worker import End

if TYPE_CHECKING:
    from napari_unlearn.viewer.inquiry import Inquiry
    from napari_unlearn.viewer.segmenting import Segmenting
    from napari_unlearn.viewer.session import Session


class RunPanel(QWidget):
    """Follows the jobs of a session; buttons change on its signals, not on clicks."""

    run_requested = Signal()
    live_requested = Signal()

    def __init__(
        self, session: "Session | Segmenting | Inquiry", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.run = QPushButton("Run")
        self.cancel = QPushButton("Cancel")
        self.live = QPushButton()
        self.bar = CalmBar()
        self.bar.setTextVisible(True)
        self.status = status_line()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(self.run, 0, 0)
        grid.addWidget(self.cancel, 0, 1)
        grid.addWidget(self.live, 1, 0, 1, 2)
        grid.addWidget(self.bar, 2, 0, 1, 2)
        grid.addWidget(self.status, 3, 0, 1, 2)
        self.run.clicked.connect(self.run_requested)
        self.live.clicked.connect(self.live_requested)
        self.cancel.clicked.connect(session.jobs.cancel)
        session.jobs.started.connect(self._on_started)
        session.jobs.cancelling.connect(self._on_cancelling)
        session.jobs.ended.connect(self._on_ended)
        session.progressed.connect(self._on_progressed)
        session.said.connect(self.say)
        session.changed.connect(self._show_offer)
        self._show_offer()
        self._set_running(session.jobs.running)
        self._title = ""

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Write one sentence to the status line."""
        self.status.setText(text)
        self.status.setStyleSheet("color: #FF8A5C;" if wrong else "")

    def _set_running(self, running: bool) -> None:
        self.run.setEnabled(not running)
        self.live.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.cancel.setText("Cancel")
        if not running:
            self.bar.setRange(0, 100)
            self.bar.setValue(0)
            self.bar.setFormat("")

    def _show_offer(self) -> None:
        offer = self._session.offer
        self.live.setVisible(offer is not None)
        self.live.setText("" if offer is None else "Unlearn live")

    def _on_started(self, title: str) -> None:
        self._title = title
        self._set_running(True)
        # No busy animation: under software OpenGL each of its frames composes the whole window.
        self.bar.setRange(0, 1)
        self.bar.setFormat("…")
        self.say(f"{title}…")

    def _on_progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, max(progress.total, 1))
        self.bar.setValue(progress.done)
        self.bar.setFormat(f"%p %  {time_left(progress.seconds_left)}")
        if progress.remark:
            self.say(f"{self._title}: {progress.remark}")

    def _on_cancelling(self) -> None:
        self.cancel.setText("Cancelling…")
        self.cancel.setEnabled(False)

    def _on_ended(self, end: End) -> None:
        self._set_running(self._session.jobs.running)
        if end.outcome == "failed":
            self.say(end.message, wrong=True)
        elif end.outcome == "cancelled":
            self.say("Cancelled.")
        elif self.status.text() == f"{self._title}…":
            self.say("")


def time_left(seconds: float | None) -> str:
    """Say how long it will still take, e.g. "12 s left" or "3 min left"."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    return f"{math.ceil(seconds)} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"
