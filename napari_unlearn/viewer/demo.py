"""The demonstration: one command, and the whole story is on the screen."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from pathlib import Path

import napari
from qtpy.QtCore import QObject, QTimer

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.comparison import Comparison
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.samples import SAMPLES, sample_path
from napari_unlearn.viewer.session import Session
from napari_unlearn.viewer.unlearn_dock import UnlearnDock
from napari_unlearn.viewer.worker import End

_WINDOW = (1600, 1000)
_SETTLE = 500  # milliseconds in which the last paint happens
_PATIENCE = 300_000  # milliseconds until a headless demo gives up


class _Photographer(QObject):
    """Saves a screenshot once everything is painted, and remembers what went wrong."""

    def __init__(
        self, viewer: napari.Viewer, dock: CompareDock, path: Path | None, headless: bool
    ) -> None:
        super().__init__()
        self._viewer, self._path, self._headless = viewer, path, headless
        self._session = dock.session
        self.failure = ""
        self._waiting = True
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._on_timeout)
        if headless:
            self._patience.start(_PATIENCE)
        self._settle = QTimer(self)  # lets the last paint happen before the picture is taken
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._on_settled)
        dock.session.compared.connect(self._on_compared)
        dock.session.jobs.ended.connect(self._on_ended)

    def _on_compared(self, _comparison: Comparison) -> None:
        if self._waiting:
            self._waiting = False
            self._settle.start(_SETTLE)

    def _on_ended(self, end: End) -> None:
        if end.outcome == "failed" and self._waiting:
            self._give_up(end.message)

    def _on_timeout(self) -> None:
        if self._waiting:
            self._give_up(f"The demo was not ready after {_PATIENCE // 1000} seconds.")

    def _on_settled(self) -> None:
        if self._session.tiles.busy:
            self._settle.start(_SETTLE)
            return
        if self._path is not None:
            try:
                photograph(self._viewer, self._path)
            except UnlearnError as error:
                self._give_up(str(error))
        if self._headless:
            close_when_idle(self._viewer, self._session)

    def _give_up(self, message: str) -> None:
        self.failure, self._waiting = message, False
        if self._headless:
            close_when_idle(self._viewer, self._session)


def photograph(viewer: napari.Viewer, path: Path) -> None:
    """Write a PNG of the whole window.

    Raises:
        UnlearnError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(path), canvas_only=False, flash=False)
    except OSError as error:
        raise UnlearnError(f"{path}: cannot be written ({error.strerror or error}).") from error


def close_when_idle(viewer: napari.Viewer, session: Session) -> None:
    """Close once no thread is at work: napari would tear its signals away under it."""
    if session.busy:
        QTimer.singleShot(50, lambda: close_when_idle(viewer, session))
    else:
        viewer.close()


def open_demo() -> tuple[napari.Viewer, CompareDock]:
    """Open a calm window with the Compare dock, Unlearn behind it; nothing runs yet."""
    viewer = napari.Viewer(title="napari-unlearn", show=False, show_welcome_screen=False)
    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare", area="right")
    unlearn = UnlearnDock(viewer)
    behind = viewer.window.add_dock_widget(unlearn, name="Unlearn", area="right", tabify=True)
    front = dock.parentWidget()
    for widget in (dock, unlearn):
        layout.calm(widget, width=layout.DOCK)
    behind.lower()
    front.raise_()
    viewer.window.show()  # restores the size of the last session, so ours comes after it
    window = dock.window()
    screen = window.screen().availableSize()
    window.resize(min(_WINDOW[0], screen.width()), min(_WINDOW[1], screen.height()))
    return viewer, dock


def launch_demo(screenshot: Path | None = None, headless: bool = False) -> None:
    """Open the viewer on the sample brain and run original, oracle and unlearned model.

    Args:
        screenshot: PNG of the whole window, taken when everything is painted.
        headless: Close the window then, instead of leaving it to the user.

    Raises:
        UnlearnError: The sample data are missing, or (headless) the comparison failed.
    """
    sample_path(SAMPLES[0])
    viewer, dock = open_demo()
    photographer = _Photographer(viewer, dock, screenshot, headless)
    dock.open_sample(SAMPLES[0])
    napari.run()
    if photographer.failure:
        raise UnlearnError(photographer.failure)
