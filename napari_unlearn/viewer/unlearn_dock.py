"""The Unlearn dock: an experiment, a strategy, a budget; then watch the model forget."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.events import EpochEnd, Event
from napari_unlearn.viewer.budget_form import BudgetForm
from napari_unlearn.viewer.curves import Curves
from napari_unlearn.viewer.epoch_scrubber import EpochScrubber
from napari_unlearn.viewer.live_overlay import give_own_window
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel
from napari_unlearn.viewer.samples import sample_folder
from napari_unlearn.viewer.scan_sets import ScanSets
from napari_unlearn.viewer.session import session_of
from napari_unlearn.viewer.strategy_form import StrategyForm
from napari_unlearn.viewer.tall_area import TallArea
from napari_unlearn.viewer.unlearn_panel import UnlearnPanel

if TYPE_CHECKING:
    import napari

_FAVOURITES = {"reconstruction": "acquired-lines", "segmentation": "as-stranger"}
"""The strategy to begin with, by task: ours. The one for scans needs no reference image of what is
to be forgotten."""

_SAMPLES = {
    "site": (
        "Sample experiment",
        "Simulates a site whose reference images carried a fault; the original learnt to "
        "paint it. Takes some seconds the first time.",
    ),
    "heads": (
        "Sample heads",
        "Simulates labelled 3D heads, of whom the original remembers seven people by heart and "
        "two want to be forgotten. Takes some seconds the first time.",
    ),
}

_LONGEST = 56
"""Letters of the name that a run is offered."""


class UnlearnDock(QWidget):
    """Thin face of a session's `Training`; closing it loses nothing."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        give_own_window(napari_viewer)
        self.session = session_of(napari_viewer)
        self.training = self.session.training
        self._shown: Path | None = None
        """The experiment that the forms were filled from."""
        self.path = QLineEdit()
        self.path.setPlaceholderText("experiment.toml, or its folder")
        self.sets = ScanSets()
        self.strategy = StrategyForm()
        self.budget = BudgetForm()
        self.panel = UnlearnPanel(self.training)
        self.curves = Curves()
        self.scrubber = EpochScrubber()
        self.queue = QListWidget()
        self.queue.setFixedHeight(64)
        self.queue.setToolTip("Waiting; a double click takes one out")
        self._lay_out()
        self.path.returnPressed.connect(self._on_path_entered)
        self.sets.changed.connect(self._on_edited)
        self.strategy.changed.connect(self._on_edited)
        self.budget.changed.connect(self._estimate)
        self.panel.start_requested.connect(self._on_start)
        self.scrubber.chosen.connect(self._on_epoch)
        self.queue.itemDoubleClicked.connect(self._on_drop)
        training = self.training
        training.strategies_known.connect(self._show_strategies)
        training.study_known.connect(self._show_study)
        training.proposed.connect(self.sets.show_proposal)
        self._soon = QTimer(self)  # the click itself must not wait for the curves' first paint
        self._soon.setSingleShot(True)
        self._soon.setInterval(50)
        self._soon.timeout.connect(self._show_log)
        training.began.connect(self._soon.start)
        training.moved.connect(self._on_moved)
        training.ended.connect(self._show_log)
        training.queue_changed.connect(self._show_queue)
        self.session.devices_known.connect(self.budget.device.offer)
        self._show_everything()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(200)
        self._later.timeout.connect(training.list_strategies)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Ask for the strategies only now: a dock behind another must not cost a process."""
        super().showEvent(event)
        self._later.start()

    def open_experiment(self, path: Path) -> None:
        """Read another experiment, a file or its folder."""
        self._try(lambda: self.training.choose(path))

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        column.addLayout(self._experiment_row())
        for part in (self.sets, self.strategy, self.budget):
            column.addWidget(part)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(TallArea(inside), stretch=1)
        below = QVBoxLayout()  # always in view, however long the form is
        below.setContentsMargins(8, 0, 8, 4)
        below.setSpacing(4)
        for widget in (self.panel, self.queue, self.curves, self.scrubber):
            below.addWidget(widget)
        outer.addLayout(below)
        keep_from_wheel(inside)

    def _experiment_row(self) -> QVBoxLayout:
        choose = QPushButton("Open…")
        choose.clicked.connect(self._on_choose)
        samples = QHBoxLayout()
        self.samples: dict[str, QPushButton] = {}
        for key, (title, help_) in _SAMPLES.items():
            button = QPushButton(title)
            button.setToolTip(help_)
            button.setProperty("sample", key)
            button.clicked.connect(self._on_sample)
            button.setVisible(sample_folder() is not None)
            self.samples[key] = button
            samples.addWidget(button)
        row = QHBoxLayout()
        row.addWidget(self.path)
        row.addWidget(choose)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(row)
        column.addLayout(samples)
        return column

    def _show_everything(self) -> None:
        if self.session.devices:
            self.budget.device.offer(self.session.devices)
        self._show_strategies()
        self._show_study()
        if self.training.proposal is not None:
            self.sets.show_proposal(self.training.proposal)
        self._show_log()
        self._show_queue()

    def _show_strategies(self) -> None:
        study = self.training.study
        task = "reconstruction" if study is None else study.task
        cards = [card for card in self.training.strategies if task in card.tasks]
        self.strategy.show_strategies(cards, _FAVOURITES[task])
        self._make_ready()

    def _show_study(self) -> None:
        study = self.training.study
        known = study is not None
        self.sets.setVisible(known)
        if study is not None:
            self._show_log()  # its place in the dock is taken before a run, not when one starts
            if self._shown != study.path:
                self._shown = study.path
                self.path.setText(str(study.path))
                self.sets.show_study(study)
                self.budget.show_study(study)
                self._show_strategies()
            self._name_run()
        self._estimate()
        self._make_ready()

    def _show_log(self) -> None:
        log = self.training.log
        self.curves.show_log(log, self.training.study)
        self.scrubber.show_log(log)

    def _show_queue(self) -> None:
        self.queue.clear()
        for order in self.training.queue:
            self.queue.addItem(order.run_name or order.strategy)
        self.queue.setVisible(bool(self.training.queue))
        self._name_run()

    def _make_ready(self) -> None:
        study = self.training.study
        ready = study is not None and "original" in study.checkpoints
        startable = ready and self.strategy.card is not None and not self.sets.mistake
        self.panel.set_ready(startable)
        if study is not None and not ready:
            self.panel.say(
                f"{study.name} has no original yet; 'napari-unlearn train' makes one.", wrong=True
            )

    def _name_run(self) -> None:
        card, whom = self.strategy.card, self.sets.whom
        if card is not None:
            wanted = f"{card.name}-{whom}"[:_LONGEST].rstrip("-") if whom else card.name
            self.budget.name.setText(self.training.free_name(wanted))

    def _estimate(self) -> None:
        study = self.training.study
        if study is not None and not self.sets.mistake:
            study = study.regrouped(self.sets.members)
        self.budget.show_estimate(study, self.strategy.card)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UnlearnError as error:
            self.panel.say(str(error), wrong=True)

    def _on_edited(self) -> None:
        self._name_run()
        self._estimate()
        self._make_ready()

    def _on_start(self) -> None:
        study, card = self.training.study, self.strategy.card
        if study is not None and card is not None:
            name = self.training.free_name(self.budget.name.text() or card.name)
            self.budget.name.setText(name)
            order = self.budget.order(study, card, self.strategy.values, self.sets.members)
            self._try(lambda: self.training.add(order))

    def _on_moved(self, event: Event) -> None:
        self.curves.follow()
        if isinstance(event, EpochEnd):
            self.curves.draw()

    def _on_epoch(self, epoch: int | None) -> None:
        self.training.show_epoch(epoch)
        if self.training.log is not None:
            self.curves.mark(None if epoch is None else self.training.log.place(epoch))

    def _on_drop(self) -> None:
        self.training.drop(self.queue.currentRow())

    def _on_path_entered(self) -> None:
        if self.path.text().strip():
            self.open_experiment(Path(self.path.text().strip()).expanduser())

    def _on_sample(self) -> None:
        key = self.sender().property("sample")
        self._try(lambda: self.training.sample(key))

    def _on_choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open an experiment", "", "Experiments (*.toml)"
        )
        if path:
            self.open_experiment(Path(path))
