"""Choose a strategy; the form below it is made from the strategy's own parameters."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unlearn.unlearning.parameters import Number, Parameter
from napari_unlearn.viewer.quiet_wheel import keep_from_wheel
from napari_unlearn.viewer.studies import StrategyCard

_FIELD = 84  # width [pixels]

_DECIMALS = 12
"""Small enough for any default; what is shown has no trailing zeros."""


class Real(QDoubleSpinBox):
    """A number as people write it: 0.3, or 1e-5."""

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Six digits, no trailing zeros."""
        return f"{value:.6g}"

    def valueFromText(self, text: str | None) -> float:  # noqa: N802 - Qt's name
        """Read a number before the unit."""
        return float(self._number(text))

    def validate(self, text: str | None, place: int) -> tuple[QValidator.State, str, int]:
        """Let only numbers within the range be finished."""
        number = self._number(text)
        state = QValidator.State.Intermediate
        try:
            inside = self.minimum() <= float(number) <= self.maximum()
            state = QValidator.State.Acceptable if inside else state
        except ValueError:
            if set(number) - set("0123456789.eE+-"):
                state = QValidator.State.Invalid
        return state, text or "", place

    def _number(self, text: str | None) -> str:
        return (text or "").removesuffix(self.suffix()).strip().replace(",", ".")


class StrategyForm(QWidget):
    """Name, formula and paper of a strategy, and a field for each parameter."""

    changed = Signal()
    """Another strategy, or another value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, StrategyCard] = {}
        self.chooser = QComboBox()
        self.chooser.setMaxVisibleItems(24)
        self.chooser.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.chooser.addItem("Listing strategies…", "")
        self.chooser.setEnabled(False)
        self.formula = _text("font-family: serif; font-style: italic; color: #E8ECF0;")
        self.paper = _text("color: #9AA7B4;")
        self.remark = _text("color: #9AA7B4;")
        self.fields: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 2, 0, 0)
        self._form.setVerticalSpacing(3)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for each in (self.chooser, self.formula, self.paper, self.remark):
            column.addWidget(each)
        column.addLayout(self._form)
        self.chooser.currentIndexChanged.connect(self._on_chosen)

    @property
    def card(self) -> StrategyCard | None:
        """The strategy in the form."""
        return self._cards.get(self.chooser.currentData() or "")

    @property
    def values(self) -> dict[str, Number]:
        """Parameters that differ from their defaults, by name."""
        if self.card is None:
            return {}
        shown = {name: field.value() for name, field in self.fields.items()}
        defaults = {parameter.name: parameter.value for parameter in self.card.parameters}
        # A field rounds what it is given, so a default is compared as the field shows it.
        return {
            name: value
            for name, value in shown.items()
            if f"{value:.6g}" != f"{defaults[name]:.6g}"
        }

    def show_strategies(self, cards: Sequence[StrategyCard], chosen: str) -> None:
        """Offer strategies.

        Args:
            cards: In the order of the list.
            chosen: Name of the one to begin with.
        """
        if not cards or list(self._cards) == [card.name for card in cards]:
            return
        self._cards = {card.name: card for card in cards}
        self.chooser.blockSignals(True)
        self.chooser.clear()
        for place, card in enumerate(cards):
            self.chooser.addItem(card.title, card.name)
            self.chooser.setItemData(place, f"{card.name}: {card.paper}", _TOOL_TIP)
        self.chooser.setCurrentIndex(max(0, self.chooser.findData(chosen)))
        self.chooser.setEnabled(True)
        self.chooser.blockSignals(False)
        self._on_chosen()

    def _on_chosen(self) -> None:
        card = self.card
        if card is None:
            return
        for label, text in (
            (self.formula, card.formula),
            (self.paper, card.paper),
            (self.remark, card.remark),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {parameter.name: _field(parameter) for parameter in card.parameters}
        for parameter, field in zip(card.parameters, self.fields.values(), strict=True):
            self._form.addRow(parameter.name.replace("_", " "), _with_unit(field, parameter.unit))
            field.valueChanged.connect(self.changed)
        self.changed.emit()


_TOOL_TIP = 3  # Qt.ItemDataRole.ToolTipRole


def _field(parameter: Parameter) -> QSpinBox | QDoubleSpinBox:
    field: QSpinBox | QDoubleSpinBox
    if isinstance(parameter.value, int):
        field = QSpinBox()
        field.setRange(int(parameter.low), int(parameter.high))
        field.setValue(parameter.value)
    else:
        field = Real()
        field.setDecimals(_DECIMALS)
        field.setRange(parameter.low, parameter.high)
        field.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        field.setValue(parameter.value)
    field.setFixedWidth(_FIELD)
    field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    keep_from_wheel(field)
    field.setToolTip(
        f"{parameter.help}\n{parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()
        + f"; default {parameter.value:.6g}"
    )
    return field


def _with_unit(field: QWidget, unit: str) -> QWidget:
    """A field and, small beside it, what its number counts."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field)
    label = _text("color: #9AA7B4; font-size: 11px;")
    label.setText(unit)
    label.setVisible(True)
    row.addWidget(label, stretch=1)
    return holder


def _text(style: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.hide()
    return label
