"""What a viewer's reader does: opens a study, answers, marks, turns pages, reveals."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.reading.images import LoadedCase, load_case
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.region import Region
from napari_unlearn.reading.reveal import Revealed, reveal
from napari_unlearn.reading.stopwatch import Clock
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.viewer.reading_tiles import ReadingTiles
from napari_unlearn.viewer.worker import End, Jobs

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True, eq=False)
class RevealedStudy:
    """What a reveal found, and where it lies."""

    revealed: Revealed
    folder: Path


class ReadingRoom(QObject):
    """Belongs to the viewer, so that closing a dock loses nothing."""

    changed = Signal()
    """What is asked, answered or shown is different."""
    said = Signal(str)
    """A remark in one sentence."""
    revealed = Signal(object)
    """`RevealedStudy`"""

    def __init__(self, viewer: "ViewerModel") -> None:
        super().__init__()
        self.tiles = ReadingTiles(viewer)
        self.tiles.marked = self._on_marked
        self.jobs = Jobs()
        self.study: ReadingStudy | None = None
        self.reading: Reading | None = None
        self.found: RevealedStudy | None = None
        self._loaded: dict[str, LoadedCase] = {}
        self._failed: set[str] = set()
        self._coming = ""
        self.jobs.yielded.connect(self._on_yielded)
        self.jobs.ended.connect(self._on_ended)

    @property
    def ready(self) -> bool:
        """Whether the case that is asked about is on the screen."""
        reading = self.reading
        return (
            reading is not None
            and not reading.watch.paused
            and self.tiles.case == reading.asked.case
        )

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        return self.jobs.running

    def begin(self, path: Path, reader: str, clock: Clock = time.monotonic) -> None:
        """Open a study for a reader, where the journal ends; a revealed one is only shown.

        Args:
            path: Of the study's file or folder.
            reader: Who reads.
            clock: Tells seconds since some moment.

        Raises:
            UnlearnError: if it cannot be opened, or is being read under this name.
        """
        if self.jobs.running:
            raise UnlearnError("Images are still being read; try again in a moment.")
        self.leave()
        study = ReadingStudy.load(path)
        if study.revealed:
            self.study = study
            self._start_reveal()
            return
        self.reading, self.study = Reading(study, reader, clock=clock), study
        self.changed.emit()
        if self.reading.repaired:
            self.said.emit("A crash had torn the journal's last line; it was taken off.")
        elif self.reading.done:
            self.said.emit(f"Going on after {self.reading.done} judgements.")
        self._follow()

    def leave(self) -> None:
        """Close the study; everything that was said is on disk."""
        self.tiles.stop_marking()
        self.end()
        self.tiles.put_away()

    def end(self) -> None:
        """Close the study and leave the canvas alone: its window is being closed."""
        if self.reading is not None:
            self.reading.close()
        self.reading = self.study = self.found = None
        self._loaded, self._failed = {}, set()
        self.changed.emit()

    def answer(self, score: int) -> None:
        """Give a score from 1 to 5 to what is asked; nothing that is not seen can be judged."""
        if self.ready:
            self._do(lambda reading: reading.answer(score))
        else:
            self._follow()

    def undo(self) -> None:
        """Take the last answer back."""
        self._do(lambda reading: reading.undo())

    def turn(self, cases: int) -> None:
        """Go to another case."""
        self._do(lambda reading: reading.turn(cases))

    def step(self, judgements: int) -> None:
        """Go to another question or image of the case."""
        self._do(lambda reading: reading.step(judgements))

    def toggle_marking(self, polygon: bool = False) -> None:
        """Begin to mark a region of the image that is asked about, or leave off."""
        if self.tiles.marking:
            self.stop_marking()
        elif self.ready:
            self.tiles.start_marking(polygon=polygon)
            self.changed.emit()

    def stop_marking(self) -> None:
        """Leave off marking; what was marked stays."""
        self.tiles.stop_marking()
        self.changed.emit()

    def put_frame(self) -> None:
        """Keep the square that the keyboard marks with."""
        self.tiles.put_frame()
        self.changed.emit()

    def resize_frame(self, factor: float) -> None:
        """Make the square larger that the keyboard marks with."""
        if self.tiles.marking:
            self.tiles.move_frame(larger=factor)

    def clear_marks(self) -> None:
        """Take away what was marked for the question that is asked."""
        if self.ready:
            self._do(lambda reading: reading.mark(()))

    def toggle_pause(self) -> None:
        """Begin a break, or end it."""
        if self.reading is not None:
            self.pause(not self.reading.watch.paused)

    def pause(self, paused: bool) -> None:
        """Take a break, with the images hidden, or end it."""
        if self.reading is not None:
            if paused:
                self.reading.watch.pause()
            else:
                self.reading.watch.resume()
            self.tiles.veil(paused)
            self.changed.emit()

    def touch(self) -> None:
        """Somebody is there."""
        if self.reading is not None:
            self.reading.watch.touch()

    def reveal(self) -> None:
        """Name the arms, if everybody who began has finished; ends the reading.

        Raises:
            UnlearnError: if there is nothing to reveal, or images are being read.
        """
        if self.reading is None or not self.reading.finished:
            raise UnlearnError("The arms are named when everything has been judged.")
        self._start_reveal()

    def _start_reveal(self) -> None:
        study = self.study
        if study is not None:
            self.jobs.start("Revealing", lambda token: _revealing(study))

    def _do(self, action: Callable[[Reading], object]) -> None:
        reading = self.reading
        if reading is None or reading.watch.paused:
            return
        reading.watch.touch()
        self.tiles.stop_marking()
        self._failed.clear()  # whoever presses a key has images tried again
        try:
            action(reading)
        except UnlearnError as error:
            self.said.emit(str(error))
        self._follow()

    def _follow(self) -> None:
        """Show what is asked about, or have it read; then the next case, so that it is there."""
        reading = self.reading
        if reading is None:
            return
        case = reading.asked.case
        if case in self._loaded:
            if self.tiles.case != case:
                self.tiles.show(self._loaded[case])
                self.tiles.veil(reading.watch.paused)
            self._point()
        wanted = [case, *reading.cases[reading.place + 1 : reading.place + 2]]
        self._loaded = {name: each for name, each in self._loaded.items() if name in wanted}
        missing = next((n for n in wanted if n not in self._loaded and n not in self._failed), None)
        if missing is not None and not self.jobs.running:
            study, arms = reading.study, reading.study.arms(reading.reader, missing)
            self._coming = missing
            self.jobs.start("Reading images", lambda token: _loading(study, missing, arms, token))
        self.changed.emit()

    def _point(self) -> None:
        reading = self.reading
        if reading is not None:
            asked = reading.asked
            each = {label: asked._replace(label=label) for label in reading.labels}
            self.tiles.ask(
                asked.label,
                {label: reading.score(own) for label, own in each.items()},
                {label: reading.regions(own) for label, own in each.items()},
            )

    def _on_marked(self, label: str, regions: tuple[Region, ...]) -> None:
        reading = self.reading
        if reading is None or label != reading.asked.label or not self.ready:
            return
        reading.watch.touch()
        try:
            reading.mark(regions)
        except UnlearnError as error:
            self.said.emit(str(error))
        self.changed.emit()

    def _on_yielded(self, event: object) -> None:
        if isinstance(event, LoadedCase):
            self._loaded[event.case] = event
        elif isinstance(event, RevealedStudy):
            study = self.study
            self.leave()
            self.study, self.found = study, event
            self.changed.emit()
            self.revealed.emit(event)

    def _on_ended(self, end: End) -> None:
        reading, coming, self._coming = self.reading, self._coming, ""
        if end.outcome == "failed":
            self._failed.add(coming)
            if reading is None or coming in ("", reading.asked.case):
                self.said.emit(end.message)
            if reading is not None and coming == reading.asked.case:
                self.tiles.put_away()  # no image of another case under this one's question
        self._follow()


def _loading(
    study: ReadingStudy, case: str, arms: tuple[str, ...], token: CancelToken
) -> Iterator[LoadedCase]:
    token.check()
    yield load_case(study, case, arms)


def _revealing(study: ReadingStudy) -> Iterator[RevealedStudy]:
    from napari_unlearn.reading.files import write_reveal

    found = reveal(study)
    write_reveal(found, study.reveal_folder)
    yield RevealedStudy(found, study.reveal_folder)
