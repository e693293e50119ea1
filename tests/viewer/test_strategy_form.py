import pytest
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QSpinBox

from napari_unlearn.cancel import CancelToken
from napari_unlearn.unlearning.strategies import STRATEGIES, strategies_for
from napari_unlearn.viewer.strategy_form import Real, StrategyForm
from napari_unlearn.viewer.studies import listing_strategies


@pytest.fixture
def form(qtbot):
    widget = StrategyForm()
    qtbot.addWidget(widget)
    widget.show_strategies(next(listing_strategies(CancelToken())), "nl-ft")
    return widget


@pytest.mark.parametrize("name", strategies_for("reconstruction"))
def test_the_form_has_one_field_per_parameter(form, name):
    strategy = STRATEGIES[name]
    form.chooser.setCurrentIndex(form.chooser.findData(name))
    assert list(form.fields) == [parameter.name for parameter in strategy.parameters]
    for parameter in strategy.parameters:
        field = form.fields[parameter.name]
        assert field.value() == pytest.approx(parameter.value, rel=1e-5)
        assert (field.minimum(), field.maximum()) == (parameter.low, parameter.high)
        assert isinstance(field, QSpinBox) == isinstance(parameter.value, int)
        assert f"{parameter.low:g} to {parameter.high:g}" in field.toolTip()
    assert form.formula.text() == strategy.formula
    assert form.paper.text() == strategy.paper
    assert form.values == {}, "untouched fields leave the strategy as it is"


def test_what_is_typed_becomes_the_value_of_the_parameter(form):
    form.fields["scale"].setValue(0.25)
    form.fields["absolute"].setValue(1e-5)
    strategy = STRATEGIES["nl-ft"].with_parameters(form.values)
    assert (strategy.forget.scale, strategy.forget.absolute) == (0.25, 1e-5)


def test_a_field_cannot_leave_its_range(form):
    form.fields["scale"].setValue(7.0)
    assert form.fields["scale"].value() == 2.0


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("0.3", QValidator.State.Acceptable),
        ("1e-5", QValidator.State.Acceptable),
        ("1e-", QValidator.State.Intermediate),
        ("", QValidator.State.Intermediate),
        ("2.5", QValidator.State.Intermediate),
        ("much", QValidator.State.Invalid),
    ],
)
def test_numbers_are_typed_as_people_write_them(qtbot, text, state):
    field = Real()
    qtbot.addWidget(field)
    field.setRange(0, 2)
    assert field.validate(text, 0)[0] == state
