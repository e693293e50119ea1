"""How long to unlearn, on how much of the retain set, where; and how long that will take."""

# Qt's stubs call every getter optional.
# mypy: disable-error-code="union-attr"

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtCore import QRegularExpression, Signal
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.parameters import Number
from napari_unlearn.viewer.device_box import DeviceBox
from napari_unlearn.viewer.studies import StrategyCard, Study

_NAME = QRegularExpression(r"[\w][\w.+-]{0,60}")


class BudgetForm(QWidget):
    """Steps or epochs, retain share, device, name of the run."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.amount = QSpinBox()
        self.amount.setRange(1, 10_000_000)
        self.amount.setValue(100)
        self.unit = QComboBox()
        self.unit.addItems(["steps", "epochs"])
        self.share = QSpinBox()
        self.share.setRange(1, 100)
        self.share.setSuffix(" % of the retain set")
        self.share.setToolTip("How much of the retain set the run may see")
        self.device = DeviceBox("Automatic")
        self.name = QLineEdit()
        self.name.setValidator(QRegularExpressionValidator(_NAME))
        self.name.setToolTip("Folder of the run, and caption of its tile")
        self.guarded = QCheckBox("Guard")
        self.guarded.setToolTip(
            "End the run, and go back to the best epoch, once the quality on held-out scans of "
            "the retain set's kind lies further than this below the original's"
        )
        self.limit = QDoubleSpinBox()
        self.limit.setRange(0.001, 1.0)
        self.limit.setDecimals(3)
        self.limit.setSingleStep(0.005)
        self.limit.setValue(Guard().limit)
        self.limit.setSuffix(" SSIM lost at most")
        self.limit.setEnabled(False)
        self.estimate = QLabel()
        self.estimate.setWordWrap(True)
        self.estimate.setStyleSheet("color: #9AA7B4;")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        rows: tuple[tuple[QWidget, ...], ...] = (
            (QLabel("Budget"), self.amount, self.unit),
            (QLabel("Repair on"), self.share),
            (self.guarded, self.limit),
            (QLabel("Device"), self.device),
            (QLabel("Run name"), self.name),
        )
        for row, (label, *fields) in enumerate(rows):
            grid.addWidget(label, row, 0)
            for column, field in enumerate(fields, start=1):
                grid.addWidget(field, row, column, 1, 3 - len(fields))
        grid.addWidget(self.estimate, 5, 0, 1, 3)
        self.guarded.toggled.connect(self.limit.setEnabled)
        self.amount.valueChanged.connect(self.changed)
        self.unit.currentIndexChanged.connect(self.changed)
        self.share.valueChanged.connect(self.changed)
        self.device.currentIndexChanged.connect(self.changed)

    @property
    def fraction(self) -> float:
        """Share of the retain set."""
        return self.share.value() / 100

    def show_study(self, study: Study) -> None:
        """Begin with the experiment's own budget."""
        for each in (self.amount, self.unit, self.share):
            each.blockSignals(True)
        self.unit.setCurrentText("steps" if study.steps is not None else "epochs")
        self.amount.setValue(study.steps if study.steps is not None else study.epochs)
        self.share.setValue(max(1, round(100 * study.retain_fraction)))
        for field in (self.guarded, self.limit):  # a guard watches SSIM
            field.setVisible(study.task == "reconstruction")
        if study.task != "reconstruction":
            self.guarded.setChecked(False)
        for each in (self.amount, self.unit, self.share):
            each.blockSignals(False)
        self.changed.emit()

    def show_estimate(self, study: Study | None, card: StrategyCard | None) -> None:
        """Say how much work it is, how long it will take, and how that is known."""
        self.amount.setEnabled(card is None or bool(card.steps_on))
        self.unit.setEnabled(self.amount.isEnabled())
        self.share.setEnabled(card is None or not card.whole_retain_set)
        if study is None or card is None:
            self.estimate.setText("")
            return
        if not card.steps_on:
            self.estimate.setText("No steps: the weights are edited in one go.")
            return
        per_epoch = study.steps_per_epoch(card, self.fraction)
        by_steps = self.unit.currentText() == "steps"
        steps = self.amount.value() * (1 if by_steps else per_epoch)
        amount = f"{steps} steps ({steps / per_epoch:.3g} epochs)"
        if card.prepares:
            amount += " after a preparation"
        self.estimate.setText(f"{amount}{self._time(study, card, steps)}")

    def order(
        self,
        study: Study,
        card: StrategyCard,
        values: dict[str, Number],
        members: Mapping[str, tuple[str, ...]],
    ) -> Order:
        """What the forms say, as an order."""
        amount = self.amount.value()
        by_steps = self.unit.currentText() == "steps"
        return Order(
            experiment=Path(study.path),
            strategy=card.name,
            values=values,
            steps=amount if by_steps else None,
            epochs=None if by_steps else amount,
            retain_fraction=self.fraction,
            device=self.device.currentData(),
            guard=Guard(self.limit.value()) if self.guarded.isChecked() else None,
            run_name=self.name.text() or card.name,
            members=members,
        )

    def _time(self, study: Study, card: StrategyCard, steps: int) -> str:
        chosen = self.device.currentData()
        device = "" if chosen == "auto" else self.device.currentText()
        found = study.pace.estimate(card.name, card.slices_per_step, device)
        if found is None:
            return ". How long they take is known after the first."
        per_step, timed = found
        source = (
            f"the run '{timed.run}' ({timed.steps} steps)"
            if timed.run
            else f"{timed.steps} trial steps"
        )
        where = timed.device.split(",")[0].removesuffix(")")
        where += ")" if "(" in where else ""
        return f", about {duration(steps * per_step)} on {where}: from {source}."


def duration(seconds: float) -> str:
    """How long something takes, e.g. "12 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
