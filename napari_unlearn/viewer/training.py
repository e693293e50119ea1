"""Unlearning in a viewer: experiment, the run under way, the queue behind it."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QStandardPaths, Signal

from napari_unlearn import __version__
from napari_unlearn.errors import UnlearnError
from napari_unlearn.runs.background import in_child
from napari_unlearn.runs.order import Order, carry_out
from napari_unlearn.unlearning.events import Event, Finished, Preview
from napari_unlearn.viewer.pace import Pace, Timed
from napari_unlearn.viewer.proposal import Proposal
from napari_unlearn.viewer.run_log import RunLog
from napari_unlearn.viewer.samples import sample_folder
from napari_unlearn.viewer.scan_stage import ScanStage
from napari_unlearn.viewer.segment_stage import SegmentStage
from napari_unlearn.viewer.studies import (
    SAMPLE_EXPERIMENTS,
    Drawn,
    StrategyCard,
    Study,
    listing_strategies,
    reading,
    reading_the_sample,
)
from napari_unlearn.viewer.worker import End, Jobs, sentence

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unlearn.viewer.session import Session

_log = logging.getLogger(__name__)


class Training(QObject):
    """Part of a `Session`: docks come and go, runs go on."""

    strategies_known = Signal()
    study_known = Signal()
    """Another experiment, or a run more in it."""
    drawn = Signal(object)
    """`Drawn`: the sample experiment is being simulated."""
    began = Signal()
    """There is a new `log`."""
    moved = Signal(object)
    """The `Event` that the log has just taken in."""
    ended = Signal()
    """The log is over."""
    queue_changed = Signal()
    proposed = Signal(object)
    """`Proposal`: others are to be forgotten."""
    said = Signal(str, bool)
    """One sentence, and whether it tells of something that went wrong."""

    def __init__(self, session: "Session", viewer: "Viewer") -> None:
        super().__init__()
        self.jobs, self.looking, self._listing = Jobs(), Jobs(), Jobs()
        self.strategies: tuple[StrategyCard, ...] = ()
        self.study: Study | None = None
        self._studies: dict[Path, Study] = {}
        """All that were read: one that is queued may not be the one in view."""
        self.log: RunLog | None = None
        self.queue: tuple[Order, ...] = ()
        self.proposal: Proposal | None = None
        scans, subjects = ScanStage(session, viewer), SegmentStage(session.segmenting)
        self._stages: dict[str, ScanStage | SegmentStage] = {
            "reconstruction": scans,
            "segmentation": subjects,
        }
        self._watched: ScanStage | SegmentStage = scans
        for stage in (scans, subjects):
            stage.failed.connect(self._on_stage_failed)
        self._listing.yielded.connect(self._on_strategies)
        self._listing.ended.connect(self._on_listed)
        self.looking.yielded.connect(self._on_looked)
        self.looking.ended.connect(self._on_looking_ended)
        self.jobs.yielded.connect(self._on_event)
        self.jobs.ended.connect(self._on_ended)

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        return self.jobs.running or self.looking.running or self._listing.running

    def list_strategies(self) -> None:
        """Ask for the strategies, in a process of their own: they need torch."""
        if not self.strategies and not self._listing.running:
            self._listing.start("Strategies", partial(in_child, listing_strategies))

    def choose(self, path: Path) -> None:
        """Read another experiment, a file or its folder, in the background.

        Raises:
            UnlearnError: Another one is being read.
        """
        self.looking.start(f"Reading {path.name}", partial(in_child, partial(reading, path)))
        self.list_strategies()

    def sample(self, key: str = "site", folder: Path | None = None) -> None:
        """Simulate a sample experiment in the background, then read it.

        Args:
            key: Of `SAMPLE_EXPERIMENTS`.
            folder: Where; None keeps it in this user's cache, where the next time finds it.

        Raises:
            UnlearnError: The sample data are missing, or an experiment is being read.
        """
        samples, wanted = sample_folder(), SAMPLE_EXPERIMENTS[key]
        if samples is None:
            raise UnlearnError("The sample data are not installed.")
        if folder is None:
            cache = QStandardPaths.StandardLocation.GenericCacheLocation
            place = Path(QStandardPaths.writableLocation(cache)) / "napari-unlearn"
            folder = place / f"{wanted.folder}-{__version__}"
        work = partial(reading_the_sample, folder, samples / wanted.models, key)
        self.looking.start(f"Simulating {wanted.title}", partial(in_child, work))
        self.list_strategies()

    def strategy(self, name: str) -> StrategyCard:
        """A strategy by name."""
        return next(card for card in self.strategies if card.name == name)

    def free_name(self, wanted: str) -> str:
        """A name for a run that overwrites no other, done, under way or queued."""
        taken = set(self.study.checkpoints) if self.study is not None else set()
        taken |= {order.run_name or order.strategy for order in self.queue}
        if self.log is not None and not self.log.over:
            taken.add(self.log.name)
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def add(self, order: Order) -> None:
        """Start an order, or queue it behind the run under way."""
        self.queue = (*self.queue, order)
        self._go_on()

    def drop(self, place: int) -> None:
        """Take an order out of the queue."""
        self.queue = (*self.queue[:place], *self.queue[place + 1 :])
        self.queue_changed.emit()

    def propose(self, proposal: Proposal) -> None:
        """Propose another forget set to whoever orders the next run."""
        self.proposal = proposal
        self.proposed.emit(proposal)

    def show_epoch(self, epoch: int | None) -> None:
        """Put the picture at the end of an epoch into the tile of the run's model.

        None shows again what the model that was kept makes of what is in view.
        """
        if self.log is not None:
            self._watched.show_epoch(self.log, epoch)

    def _go_on(self) -> None:
        if not self.queue or self.jobs.running:
            self.queue_changed.emit()
            return
        order, self.queue = self.queue[0], self.queue[1:]
        self._begin(order)
        self.queue_changed.emit()

    def _begin(self, order: Order) -> None:
        study = self._studies.get(order.experiment, self.study)
        if study is None:
            return
        strategy = self.strategy(order.strategy)
        fraction = order.retain_fraction or study.retain_fraction
        name = order.run_name or order.strategy
        self._watched = self._stages[study.task]
        order = self._watched.watch(order, name, study)
        per_epoch = study.regrouped(order.members).steps_per_epoch(strategy, fraction)
        self.log = RunLog(order, name, per_epoch, study.task)
        self.jobs.start(
            strategy.title,
            partial(in_child, partial(carry_out, order)),
            order.device,
            keeps=True,
        )
        self._watched.begin()
        self.began.emit()

    def _on_event(self, event: Event) -> None:
        if self.log is None:
            return
        try:
            self.log.take(event)
            if isinstance(event, Preview):
                self._watched.show(event)
            elif isinstance(event, Finished):
                self._note_pace(event)
            self.moved.emit(event)
        except Exception as error:  # a slot that raises would leave the job without an end
            _log.exception("An event could not be shown")
            self.jobs.abort(sentence(error, "this machine"))

    def _note_pace(self, event: Finished) -> None:
        log, study = self.log, self.study
        if log is None or study is None or event.path is None or event.steps < 1:
            return
        strategy, per_step = log.order.strategy, event.seconds / event.steps
        timed = Timed(log.name, strategy, log.device, event.steps, per_step)
        self.study = replace(
            study,
            checkpoints={**study.checkpoints, log.name: event.path},
            pace=Pace((timed, *study.pace.timed)),
        )

    def _on_ended(self, end: End) -> None:
        log = self.log
        if log is None:
            return
        if end.outcome == "failed":
            log.state, log.message = "failed", end.message
        elif not log.over:
            log.state = "aborted"  # stopped before there was anything to keep
        kept = log.checkpoint is not None and log.state in ("finished", "kept")
        self._watched.end(kept=kept)
        self.ended.emit()
        self.study_known.emit()
        if log.checkpoint is not None and kept:
            try:
                self._watched.add(log.name, log.checkpoint)
            except UnlearnError as error:
                self.said.emit(str(error), True)
        self._go_on()

    def _on_strategies(self, strategies: tuple[StrategyCard, ...]) -> None:
        self.strategies = strategies
        self.strategies_known.emit()

    def _on_stage_failed(self, text: str) -> None:
        self.said.emit(text, True)

    def _on_listed(self, end: End) -> None:
        if end.outcome == "failed":
            self.said.emit(end.message, True)

    def _on_looked(self, seen: Study | Drawn) -> None:
        if isinstance(seen, Drawn):
            self.drawn.emit(seen)
            return
        self.study = self._studies[seen.path] = seen
        self.study_known.emit()

    def _on_looking_ended(self, end: End) -> None:
        if end.outcome == "failed":
            self.said.emit(end.message, True)
        elif end.outcome == "finished" and self.study is not None:
            self._stages[self.study.task].open(self.study)
