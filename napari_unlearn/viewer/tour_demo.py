"""The demonstration that needs nobody: the demo's window with a tour in it."""

from pathlib import Path
from typing import TYPE_CHECKING

import napari
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QMainWindow

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer.demo import close_when_idle, open_demo, photograph
from napari_unlearn.viewer.samples import SAMPLES, sample_path
from napari_unlearn.viewer.tour import IDLE, Tour
from napari_unlearn.viewer.tour_bar import TourBar
from napari_unlearn.viewer.tour_stage import FLIGHT, TourStage
from napari_unlearn.viewer.tour_steps import TOUR, Step, hurried
from napari_unlearn.viewer.worker import End

if TYPE_CHECKING:
    from napari_unlearn.viewer.compare import CompareDock

_LONGEST = 1.0  # seconds that a step lasts beyond its computing when nobody looks on
_PATIENCE = 600_000  # milliseconds until a headless tour gives up


def add_tour(
    viewer: napari.Viewer,
    dock: "CompareDock",
    steps: tuple[Step, ...] = TOUR,
    *,
    idle: float = IDLE,
    flight: int = FLIGHT,
    alone: bool = False,
) -> Tour:
    """Put a tour into a window that has a Compare dock; `begin` starts it.

    Args:
        viewer: Its window gets the bar.
        dock: Shows what the tour points at.
        steps: What the tour tells.
        idle: Untouched time before the tour goes on [s].
        flight: How long the camera flies [ms]; 0 jumps.
        alone: Nobody is there to yield to.

    Raises:
        UnlearnError: The dock is in no window.
    """
    window = dock.window()
    if not isinstance(window, QMainWindow):
        raise UnlearnError("A tour needs a Compare dock that is in a window.")
    bar = TourBar(window)
    window.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
    return Tour(TourStage(viewer, dock, flight), bar, steps, idle, alone=alone)


class _Album(QObject):
    """Photographs the steps of the first lap; a headless window closes after it."""

    def __init__(
        self,
        viewer: napari.Viewer,
        dock: "CompareDock",
        tour: Tour,
        path: Path | None,
        headless: bool,
    ) -> None:
        super().__init__(tour)
        self._viewer, self._session, self._tour = viewer, dock.session, tour
        self._path, self._headless = path, headless
        self.failure = ""
        if path is not None:
            tour.left.connect(self._on_left)
            tour.yielded.connect(self._on_lapped)  # what a visitor does is not the tour
        tour.lapped.connect(self._on_lapped)
        if headless:
            dock.session.jobs.ended.connect(self._on_ended)
            patience = QTimer(self)
            patience.setSingleShot(True)
            patience.timeout.connect(self._on_timeout)
            patience.start(_PATIENCE)

    def _on_left(self, place: int) -> None:
        if self._path is None:
            return
        try:
            photograph(self._viewer, numbered(self._path, place))
        except UnlearnError as error:
            self._give_up(str(error))

    def _on_lapped(self) -> None:
        self._path = None
        if self._headless:
            self._tour.stop()
            close_when_idle(self._viewer, self._session)

    def _on_ended(self, end: End) -> None:
        if end.outcome == "failed":
            self._give_up(end.message)

    def _on_timeout(self) -> None:
        self._give_up(f"The tour was not over after {_PATIENCE // 1000} seconds.")

    def _give_up(self, message: str) -> None:
        self.failure = self.failure or message
        self._on_lapped()


def numbered(path: Path, place: int, steps: tuple[Step, ...] = TOUR) -> Path:
    """The picture of a step: tour.png becomes tour-01-scan.png, tour-02-riddle.png and so on."""
    return path.with_name(f"{path.stem}-{place + 1:02d}-{steps[place].key}.png")


def launch_tour(screenshot: Path | None = None, headless: bool = False) -> None:
    """Open the demo's window, as large as the screen, and walk through it until it is closed.

    Args:
        screenshot: PNGs of the whole window, one for each step of the first lap, `numbered`.
        headless: One hurried lap in a window of the demo's size, then close it.

    Raises:
        UnlearnError: The sample data are missing, a picture cannot be written, or (headless)
            a step failed.
    """
    for sample in SAMPLES:
        sample_path(sample)
    viewer, dock = open_demo()
    if headless:
        tour = add_tour(viewer, dock, hurried(TOUR, _LONGEST), flight=0, alone=True)
    else:
        tour = add_tour(viewer, dock)
        if (window := tour.bar.window()) is not None:
            window.showMaximized()
    album = _Album(viewer, dock, tour, screenshot, headless)
    QTimer.singleShot(0, tour.begin)
    napari.run()
    if album.failure:
        raise UnlearnError(album.failure)
