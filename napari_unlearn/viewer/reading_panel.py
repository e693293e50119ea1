"""The question that is asked now: where it stands, what answers mean, how long it took."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.reading.definition import SCORES
from napari_unlearn.reading.reading import Reading
from napari_unlearn.viewer.calm_bar import CalmBar
from napari_unlearn.viewer.reading_keys import HELP
from napari_unlearn.viewer.reading_room import ReadingRoom

_TICK = 1000  # milliseconds


class ReadingPanel(QWidget):
    """Shows a room's reading; every button is a key as well."""

    def __init__(self, room: ReadingRoom, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._room = room
        self.place = QLabel()
        self.question = QLabel()
        self.question.setStyleSheet("font-size: 15px; font-weight: bold;")
        self.scores = [QPushButton(str(score)) for score in SCORES]
        self.low, self.high = QLabel(), QLabel()
        self.answers = QLabel()
        self.bar = CalmBar()
        self.time = QLabel()
        self.pause = QPushButton("Break (B)")
        self.previous = QPushButton("Previous (P)")
        self.undo = QPushButton("Undo (U)")
        self.mark = QPushButton("Mark (M)")
        self.next = QPushButton("Next (N)")
        self.keys = QLabel("<br>".join(f"<b>{keys}</b> {what}" for keys, what in HELP))
        self.keys.setWordWrap(True)
        self.keys.setStyleSheet("font-size: 11px;")
        self._lay_out()
        self._connect()
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK)
        self._tick.timeout.connect(self._show_time)
        self._tick.start()
        self.show_reading()

    def _lay_out(self) -> None:
        for label in (self.place, self.question, self.answers, self.low, self.high):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.high.setAlignment(Qt.AlignmentFlag.AlignRight)
        answers = QHBoxLayout()
        for button in self.scores:
            answers.addWidget(button)
        ends = QHBoxLayout()
        ends.addWidget(self.low)
        ends.addWidget(self.high)
        moves = QGridLayout()
        for place, button in enumerate((self.previous, self.next, self.mark, self.undo)):
            moves.addWidget(button, place // 2, place % 2)
        clock = QHBoxLayout()
        clock.addWidget(self.time, stretch=1)
        clock.addWidget(self.pause)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.place)
        column.addWidget(self.question)
        column.addLayout(answers)
        column.addLayout(ends)
        column.addWidget(self.answers)
        column.addLayout(moves)
        column.addWidget(self.bar)
        column.addLayout(clock)
        column.addWidget(self.keys)

    def _connect(self) -> None:
        room = self._room
        for score, button in zip(SCORES, self.scores, strict=True):
            button.setProperty("score", score)
            button.clicked.connect(self._on_score)
        for button in (*self.scores, self.pause, self.previous, self.undo, self.mark, self.next):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard belongs to the reading
        self.pause.clicked.connect(room.toggle_pause)
        self.previous.clicked.connect(self._on_previous)
        self.next.clicked.connect(self._on_next)
        self.undo.clicked.connect(room.undo)
        self.mark.clicked.connect(self._on_mark)
        room.changed.connect(self.show_reading)

    def show_reading(self) -> None:
        """Write everything anew."""
        reading = self._room.reading
        self.setVisible(reading is not None)
        if reading is None:
            return
        asked, question = reading.asked, reading.question
        self.place.setText(
            f"Case {reading.place + 1} of {len(reading.cases)} ({asked.case}) · image {asked.label}"
        )
        self.question.setText(f"{asked.label}: {question.text}")
        self.low.setText(f"1 {question.low}".strip() if question.low else "")
        self.high.setText(f"5 {question.high}".strip() if question.high else "")
        self.answers.setText("\n".join(_answers(reading)))
        self.bar.setRange(0, reading.total)
        self.bar.setValue(reading.done)
        self.bar.setFormat(f"{reading.done} of {reading.total}")
        for button in self.scores:
            button.setEnabled(self._room.ready)
        self.mark.setText("Marking… (M)" if self._room.tiles.marking else "Mark (M)")
        self.pause.setText("Go on (B)" if reading.watch.paused else "Break (B)")
        self._show_time()

    def _show_time(self) -> None:
        reading = self._room.reading
        if reading is None:
            return
        minutes, seconds = divmod(int(reading.seconds), 60)
        state = "break" if reading.watch.paused else "idle, not counted"
        stopped = reading.watch.paused or reading.watch.idle
        self.time.setText(f"{minutes}:{seconds:02d}" + (f" ({state})" if stopped else ""))

    def _on_score(self) -> None:
        self._room.answer(int(self.sender().property("score")))

    def _on_previous(self) -> None:
        self._room.turn(-1)

    def _on_next(self) -> None:
        self._room.turn(1)

    def _on_mark(self) -> None:
        self._room.toggle_marking()


def _answers(reading: Reading) -> list[str]:
    """What was said about the case in view, a line per question."""
    asked = reading.asked
    lines = []
    for question in reading.study.definition.questions:
        cells = []
        for label in reading.labels:
            own = asked._replace(label=label, question=question.key)
            score, marked = reading.score(own), len(reading.regions(own))
            here = "▶" if own == asked else ""
            cells.append(f"{here}{label} {score or '–'}{' ▭' * bool(marked)}")
        lines.append(f"{question.key}: {', '.join(cells)}")
    return lines
