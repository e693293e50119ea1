"""Where the unlearning of a reconstruction is watched: a tile of the Compare dock."""

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import UnlearnError
from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.events import Preview
from napari_unlearn.viewer.live_tile import LiveTile
from napari_unlearn.viewer.run_log import RunLog
from napari_unlearn.viewer.studies import Study

if TYPE_CHECKING:
    from pathlib import Path

    from napari import Viewer

    from napari_unlearn.viewer.session import Session


class ScanStage(QObject):
    """Follows a run of `Training` on the scan that its session has open."""

    failed = Signal(str)
    """One sentence."""

    def __init__(self, session: "Session", viewer: "Viewer") -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._live: LiveTile | None = None
        self._running = False
        # In a turn of its own: together with the curves the tile would hold up the window.
        self._tile_later = QTimer(self)
        self._tile_later.setSingleShot(True)
        self._tile_later.setInterval(150)
        self._tile_later.timeout.connect(self._show_tile)

    def watch(self, order: Order, name: str, _study: Study) -> Order:
        """Watch the slice in view, where there is one with a reference."""
        self._live = None
        opened, path = self._session.opened, self._session.scan_path
        if opened is None or path is None or opened.reference is None:
            return order
        header = opened.scan.header
        index = min(int(self._viewer.dims.current_step[0]), header.slices - 1)
        self._live = LiveTile(name, header, index, opened.reference)
        return replace(order, preview=(path, index))

    def begin(self) -> None:
        """The run has started."""
        self._running = True
        self._tile_later.start()

    def show(self, preview: Preview) -> None:
        """Show what the model makes of the slice now."""
        if self._live is not None:
            self._live.put(preview.image, preview.at)
            self._session.tiles.refresh_live()

    def end(self, *, kept: bool) -> None:
        """The run is over; without a model its tile goes."""
        self._running = False
        if not kept:
            self._session.tiles.show_live(None)

    def show_epoch(self, log: RunLog, epoch: int | None) -> None:
        """Put the picture at the end of an epoch into the tile of the run's model.

        None shows again what the model that was kept makes of the scan.
        """
        comparison = self._session.comparison
        if log.order.preview is None or comparison is None:
            return
        arm = next((each for each in comparison.arms if each.name == log.name), None)
        if epoch is None:
            self._session.tiles.show(comparison)
        elif arm is not None and epoch in log.previews:
            past = LiveTile.after(arm, comparison, log.order.preview[1])
            past.put(log.previews[epoch], f"epoch {epoch}")
            self._session.tiles.show_instead(past)

    def add(self, name: str, checkpoint: "Path") -> None:
        """Compare with the model that was kept.

        Raises:
            UnlearnError: The comparison cannot start.
        """
        self._session.add_unlearned(name, checkpoint)

    def open(self, study: Study) -> None:
        """Show what the unlearned model will be held against, unless the user has a scan open."""
        session = self._session
        if session.opened is not None or study.scan is None:
            return
        try:
            if not session.models:
                session.set_models(study.trained)
            session.open(study.scan, then=self._lay_out)
        except UnlearnError as error:
            self.failed.emit(str(error))

    def _show_tile(self) -> None:
        if self._running:
            self._session.tiles.show_live(self._live)

    def _lay_out(self) -> None:
        """Compare original and oracle, beside a tile that waits for the first run."""
        opened = self._session.opened
        if opened is None:
            return
        if not self._running and opened.reference is not None:
            header = opened.scan.header
            self._live = LiveTile("Your run", header, header.slices // 2, opened.reference)
            self._session.tiles.show_live(self._live)
        if self._session.models:
            self._session.compare()
