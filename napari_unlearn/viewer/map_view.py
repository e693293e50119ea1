"""Which map of hallucination a session shows, and lambda moved by hand on the slice in view."""

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.hallucination import find_mode
from napari_unlearn.evaluation.marking import check_rule
from napari_unlearn.evaluation.slice_looks import KeptLooks, SliceLooks
from napari_unlearn.evaluation.slice_marks import highlight_slice, put_slice
from napari_unlearn.viewer import tasks
from napari_unlearn.viewer.worker import End, Jobs

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.evaluation.comparison import Comparison
    from napari_unlearn.viewer.session import Session
    from napari_unlearn.viewer.tasks import Run

_PATIENCE = 400  # milliseconds that a slice is in view until it is made ready for other lambdas
_REST = 150  # milliseconds without another lambda until outlines follow, the slower part


class MapView(QObject):
    """Keeps the last slices ready for any lambda; each is drawn with it when it is in view.

    The maps of a comparison are made by the session's own job. A worker of its own makes the
    slice in view ready afterwards, and gives way to every job of the session.
    """

    changed = Signal()
    """Lambda, what is known of the slice in view, or whether it is being made ready."""

    def __init__(self, session: "Session", viewer: "Viewer") -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._run: Run | None = None
        self._asked: tuple[Run | None, int] = (None, 0)
        self._kept = KeptLooks()
        self._drawn: dict[int, float] = {}
        self._unmarked: set[int] = set()
        self._failed: set[int] = set()
        self._gave_way = False  # else who cancels has closed the window
        self.jobs = Jobs()
        self.jobs.yielded.connect(self._on_looks)
        self.jobs.ended.connect(self._on_ended)
        session.jobs.started.connect(self._on_session_started)
        session.jobs.ended.connect(self._on_session_ended)
        self._soon, self._rest = QTimer(self), QTimer(self)
        for timer, patience, slot in (
            (self._soon, _PATIENCE, self._look),
            (self._rest, _REST, self._mark),
        ):
            timer.setSingleShot(True)
            timer.setInterval(patience)
            timer.timeout.connect(slot)
        viewer.dims.events.current_step.connect(self._on_slice)

    @property
    def index(self) -> int:
        """The slice in view."""
        return int(self._viewer.dims.current_step[0])

    @property
    def looks(self) -> SliceLooks | None:
        """What is known of the slice in view; None if lambda does not enter, or not yet."""
        return self._kept.get(self.index) if self._by_lambda else None

    @property
    def lam(self) -> float | None:
        """Lambda that the slice in view is drawn with; None if it is not known."""
        looks, chosen = self.looks, self._session.settings.lam
        return chosen if chosen is not None or looks is None else looks.lam

    @property
    def waiting(self) -> bool:
        """Whether the slice in view is still to be made ready."""
        return self._by_lambda and self.looks is None and self.index not in self._failed

    @property
    def busy(self) -> bool:
        """Whether its thread is at work."""
        return self.jobs.running

    def choose(self, mode: str) -> None:
        """Show another map; one that needs the models' k-space has them all run again.

        Raises:
            WrongUse: There is no such map.
            UnlearnError: Another job is under way.
        """
        settings = self._session.settings
        look = find_mode(mode)
        if mode == settings.mode:
            return
        rule = None if settings.rule == "authors" and look.own_threshold is None else settings.rule
        self._session.judge_anew(replace(settings, mode=mode, lam=None, rule=rule))
        self._session.changed.emit()

    def choose_rule(self, rule: str) -> None:
        """Find the threshold by another rule, of `thresholds.RULES`.

        Raises:
            WrongUse: The rule cannot find one for this map.
            UnlearnError: Another job is under way.
        """
        session = self._session
        check_rule(find_mode(session.settings.mode), rule)
        comparison, opened = session.comparison, session.opened
        settings = replace(session.settings, rule=rule)
        if comparison is not None:
            truth = comparison.reference if opened is None else opened.reference
            session.jobs.start(
                "Highlighting",
                lambda token: tasks.thresholding(comparison, truth, rule, token),
            )
        session.settings = settings
        self.changed.emit()

    def set_lambda(self, lam: float | None) -> None:
        """Draw the slice in view with another lambda, others when they come into view.

        The threshold stays, so that the maps of a drag can be compared. The next run makes all
        slices with it.

        Args:
            lam: None goes back to what follows from each slice's data.

        Raises:
            WrongUse: Lambda does not enter the map, or is not above 0.
        """
        session = self._session
        look = find_mode(session.settings.mode)
        if lam is not None and not look.uses_lambda:
            raise WrongUse(f"Lambda does not enter the {look.title}.")
        if lam is not None and not 0 < lam < float("inf"):
            raise WrongUse(f"Lambda {lam:g} must be a finite number above 0.")
        session.settings = replace(session.settings, lam=lam)
        self._draw()
        self.changed.emit()

    def take(self, comparison: "Comparison", run: "Run | None") -> None:
        """Follow the session to a comparison, that of a run or the last one judged anew."""
        before = self._session.comparison
        if run is not None:
            self._run = run
        elif before is not None and _same_maps(before, comparison):
            return
        self._forget()
        self._soon.start()

    def let_go(self) -> None:
        """Forget the comparison; another scan is open."""
        self._run = None
        self._session.settings = replace(self._session.settings, lam=None)
        self.jobs.cancel()
        self._forget()

    @property
    def _by_lambda(self) -> bool:
        """Whether the comparison shows a map that lambda enters."""
        comparison, run = self._session.comparison, self._run
        return (
            comparison is not None
            and run is not None
            and run.settings.mode == comparison.mode == self._session.settings.mode
            and find_mode(comparison.mode).uses_lambda
            and self.index < comparison.header.slices
        )

    def _forget(self) -> None:
        self._kept.clear()
        self._drawn.clear()
        self._unmarked.clear()
        self._failed.clear()

    def _draw(self) -> None:
        """Redraw the slice in view, if it is drawn with another lambda than is wanted."""
        looks, lam = self.looks, self.lam
        comparison, run = self._session.comparison, self._run
        if looks is None or lam is None or comparison is None or run is None:
            return
        if self._session.jobs.running:
            return  # its result comes with lambda
        made = looks.lam if run.settings.lam is None else run.settings.lam
        if self._drawn.get(looks.index, made) == lam:
            return
        put_slice(comparison, looks.index, looks.at(lam))
        self._drawn[looks.index] = lam
        self._session.tiles.refresh_maps(looks.index)
        self._unmarked.add(looks.index)
        self._rest.start()

    def _mark(self) -> None:
        """Let regions follow their maps."""
        comparison = self._session.comparison
        if comparison is None or not self._unmarked or self._session.jobs.running:
            return
        for index in sorted(self._unmarked):
            comparison = highlight_slice(comparison, index)
        self._unmarked.clear()
        self._session.show_again(comparison)

    def _look(self) -> None:
        """Have the slice in view made ready, unless somebody else computes."""
        run, comparison = self._run, self._session.comparison
        if run is None or comparison is None or not self.waiting:
            return
        if self._session.jobs.running or self.jobs.running:
            return
        index, maximum = self.index, comparison.maximum
        self._asked = run, index
        self.jobs.start(
            f"Looking at slice {index}",
            lambda token: tasks.looking(run, index, maximum, token),
            run.settings.device_name,
        )
        self.changed.emit()

    def _on_slice(self, *_: object) -> None:
        if not self._by_lambda:
            return
        self._draw()
        if self.waiting:
            self._soon.start()
        self.changed.emit()

    def _on_looks(self, looks: SliceLooks) -> None:
        if self._asked[0] is not self._run:
            return  # of models that have run again since
        self._kept.put(looks)
        self._draw()
        self.changed.emit()

    def _on_ended(self, end: End) -> None:
        if end.outcome == "failed":
            self._failed.add(self._asked[1])
            self._session.said.emit(end.message)
        if end.outcome != "cancelled" or self._gave_way:
            self._soon.start()  # another slice may be in view by now
        self._gave_way = False
        self.changed.emit()

    def _on_session_started(self, _title: str) -> None:
        self._gave_way = self.jobs.running
        self.jobs.cancel()
        self.changed.emit()

    def _on_session_ended(self, end: End) -> None:
        session = self._session
        comparison = session.comparison
        made = session.settings.mode if comparison is None else comparison.mode
        if end.outcome == "failed" and session.settings.mode != made:
            # the map that could not be made is not asked for again
            session.settings = replace(session.settings, mode=made, lam=None)
            session.changed.emit()
        self._draw()
        self._soon.start()
        self._rest.start()
        self.changed.emit()


def _same_maps(before: "Comparison", after: "Comparison") -> bool:
    """Whether only outlines are others."""
    return len(before.arms) == len(after.arms) and all(
        before.marked(one) is after.marked(other)
        for one, other in zip(before.arms, after.arms, strict=True)
    )
