"""Steps between which the event loop turns, and what does not paint at once."""

import gc

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject

from napari_unlearn.viewer.calm_bar import CalmBar
from napari_unlearn.viewer.turns import Turns, collecting, painted_later, shown_canvas


class Paints(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget):
        super().__init__()
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched, event):  # noqa: N802
        self.count += event.type() == QEvent.Type.Paint
        return False


def _numbers(taken, *numbers):
    for number in numbers:
        taken.append(number)
        yield False


def test_without_a_window_steps_are_taken_at_once():
    turns, taken = Turns(ViewerModel()), []
    turns.add(_numbers(taken, 1, 2, 3))
    turns.then(lambda: taken.append(4))
    assert taken == [1, 2, 3, 4]
    assert not turns.pending


def test_in_a_window_steps_wait_for_their_turn_and_keep_their_order(shown, qtbot):
    turns, taken = Turns(shown), []
    turns.add(_numbers(taken, 1, 2))
    turns.then(lambda: taken.append(3))
    assert taken == []
    assert not shown_canvas(shown).updatesEnabled()
    qtbot.waitUntil(lambda: not turns.pending)
    assert taken == [1, 2, 3]
    assert shown_canvas(shown).updatesEnabled()


def test_a_step_that_asks_for_the_rest_does_not_run_into_itself(shown):
    turns, taken = Turns(shown), []

    def asking():
        turns.finish()
        taken.append(1)
        yield False

    turns.add(asking())
    turns.add(_numbers(taken, 2))
    turns.finish()
    assert taken == [1, 2]


def test_a_step_that_fails_ends_all_and_lets_the_canvas_be_painted(shown):
    turns, taken = Turns(shown), []

    def failing():
        yield False
        raise ValueError("no")

    turns.add(failing())
    turns.add(_numbers(taken, 1))
    with pytest.raises(ValueError, match="no"):
        turns.finish()
    assert not turns.pending
    assert taken == []
    assert shown_canvas(shown).updatesEnabled()


def test_steps_out_of_date_give_way_to_others_of_their_kind_only(shown):
    turns, taken = Turns(shown), []
    turns.add(_numbers(taken, 1), passing=True)
    turns.add(_numbers(taken, 2))
    turns.add(_numbers(taken, 3), passing=True)
    turns.finish()
    assert taken == [2, 3]


@pytest.mark.parametrize("hidden", [True, False])
def test_what_a_step_adds_comes_right_after_its_own(hidden, request):
    viewer = ViewerModel() if hidden else request.getfixturevalue("shown")
    turns, taken = Turns(viewer), []

    def adding():
        turns.add(_numbers(taken, 7), last=True)
        turns.add(_numbers(taken, 3, 4))
        turns.then(lambda: taken.append(5))
        taken.append(1)
        yield False
        taken.append(2)

    def both():
        turns.add(adding())
        turns.add(_numbers(taken, 6))
        yield False

    turns.add(both())
    turns.finish()
    assert taken == [1, 2, 3, 4, 5, 6, 7]


def test_what_is_done_is_painted_in_a_later_turn(shown, qtbot):
    with painted_later(shown), painted_later(shown):
        assert not shown_canvas(shown).updatesEnabled()
    assert not shown_canvas(shown).updatesEnabled()
    qtbot.waitUntil(shown_canvas(shown).updatesEnabled)


def test_a_calm_bar_paints_when_the_window_does(qtbot):
    bar = CalmBar()
    qtbot.addWidget(bar)
    bar.show()
    qtbot.waitExposed(bar)
    qtbot.wait(50)
    paints = Paints(bar)
    bar.setRange(0, 10)
    bar.setValue(3)
    bar.setValue(7)
    assert paints.count == 0
    qtbot.waitUntil(lambda: paints.count == 1)
    assert bar.value() == 7


def test_garbage_is_collected_before_python_would(shown):
    gc.collect()
    assert list(collecting(shown)) == []
    for _ in range(gc.get_threshold()[2] // 2 + 1):
        gc.collect(1)
    assert list(collecting(ViewerModel())) == []  # nobody waits there
    assert list(collecting(shown)) == [False]
    assert gc.get_count()[2] <= 1
