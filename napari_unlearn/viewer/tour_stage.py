"""What a tour does to the viewer: open a sample, point at something, unlearn live."""

from typing import TYPE_CHECKING

from napari_unlearn.errors import UnlearnError
from napari_unlearn.viewer import layout
from napari_unlearn.viewer.flight import Flight
from napari_unlearn.viewer.rows import listed_regions
from napari_unlearn.viewer.samples import SAMPLES
from napari_unlearn.viewer.tour_light import TourLight
from napari_unlearn.viewer.tour_steps import Action, Open, Show

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.evaluation.comparison import Comparison, Region
    from napari_unlearn.viewer.compare import CompareDock

FLIGHT = 1200
"""How long the camera flies from one place to another [ms]."""


class TourStage:
    """Performs actions; each of them says what is to be seen whatever was seen before.

    Args:
        viewer: With a window.
        dock: Its Compare dock; one that a visitor has closed comes back.
        flight: How long the camera flies [ms]; 0 jumps.
    """

    def __init__(self, viewer: "Viewer", dock: "CompareDock", flight: int = FLIGHT) -> None:
        self._viewer, self._dock, self._milliseconds = viewer, dock, flight
        self._session = dock.session
        self.light = TourLight(viewer, self._session.tiles)
        self._flight = Flight(viewer, self.light)

    @property
    def busy(self) -> bool:
        """Whether an action, or a visitor's job, still computes."""
        return self._session.busy

    def perform(self, action: Action) -> bool:
        """Do it, or begin it while `busy`; False if there is nothing to show.

        Only while nothing computes: a job is never taken from anybody.
        """
        self.let_go()
        try:
            if isinstance(action, Open):
                self._open(action.sample)
                return True
            if isinstance(action, Show):
                return self._show(action)
            self._show(Show())
            self._session.unlearn_live()
        except UnlearnError:
            return False
        return True

    def let_go(self) -> None:
        """Leave the window as it is, with all tiles in the light."""
        self._flight.stop()
        self.light.turn_to(())

    def _open(self, key: str) -> None:
        if self._dock.parentWidget() is None:
            self._viewer.window.add_dock_widget(self._dock, name="Compare", area="right")
        layout.calm(self._dock, width=layout.DOCK)
        self._dock.parentWidget().raise_()  # type: ignore[union-attr]
        self._viewer.dims.ndisplay = 2
        self._session.comparison = None  # else another reference would have it judged first
        self._dock.settings.reference.setCurrentIndex(0)
        self._dock.settings.acceleration.setCurrentIndex(0)
        self._dock.open_sample(next(sample for sample in SAMPLES if sample.key == key))

    def _show(self, show: Show) -> bool:
        comparison, tiles = self._session.comparison, self._session.tiles
        if comparison is None or not tiles.upper:
            return False
        names = {comparison.reference_name, *(arm.name for arm in comparison.arms)}
        found = None if show.near is None else show.near.find(comparison)
        if not names.issuperset(show.light) or (show.near is not None and found is None):
            return False
        self._dock.findings.outlines.setChecked(show.outlines)
        if found is None:
            self._flight.take(tiles.fit, self._milliseconds)
            tiles.go_to_most_telling_slice(comparison)
            self._dock.findings.regions.clearSelection()
        else:
            _, region = found
            self._flight.take(lambda: self._session.focus(region), self._milliseconds)
            self._select(comparison, region)
        self.light.turn_to(show.light)
        return True

    def _select(self, comparison: "Comparison", region: "Region") -> None:
        """Mark its row in the table of regions, if it is listed there."""
        table = self._dock.findings.regions
        table.clearSelection()
        for row, (_, listed) in enumerate(listed_regions(comparison)):
            if listed is region:
                table.selectRow(row)
                table.scrollTo(table.model().index(row, 0))  # type: ignore[union-attr]
