"""Breaks, mistakes, other windows and the end of a study in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unlearn.reading.journal import read_journal
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.viewer.session import session_of
from tests.reading.studies import ARMS, Clock
from tests.viewer.reader_at_work import open_dock, press
from tests.viewer.reading.desk import PATIENCE, Key, wait


def test_a_break_hides_the_images_and_stops_time_and_answers(viewer, qtbot, study):
    dock, clock = open_dock(viewer), Clock()
    dock.room.begin(study.folder, "Anna", clock)
    wait(qtbot, dock)
    before = dock.room.reading.seconds
    clock.run(5)
    press(viewer, Key.Key_B)
    clock.run(30)
    press(viewer, Key.Key_4)
    assert dock.room.reading.done == 0
    assert dock.room.tiles.tiles["A"].image.opacity == 0
    assert "break" in dock.panel.time.text()
    press(viewer, Key.Key_B)
    assert dock.room.tiles.tiles["A"].image.opacity == 1
    press(viewer, Key.Key_4)
    (line,) = read_journal(study.journal("Anna")).judgements
    assert line.seconds == pytest.approx(before + 5)


def test_time_without_a_sign_of_life_is_shown_as_idle(viewer, qtbot, study):
    dock, clock = open_dock(viewer), Clock()
    dock.room.begin(study.folder, "Anna", clock)
    wait(qtbot, dock)
    clock.run(1000)
    dock.panel.show_reading()
    assert dock.panel.time.text().startswith("1:00 (idle")


def test_a_name_can_be_typed_before_and_keys_are_free_afterwards(viewer, qtbot, study):
    dock = open_dock(viewer)
    dock.path.setText(str(study.folder))
    qtbot.keyClicks(dock.reader, "Pm 1U")
    assert dock.reader.text() == "Pm 1U"
    qtbot.keyClick(dock.reader, Key.Key_Return)
    wait(qtbot, dock)
    assert dock.room.reading.reader == "Pm 1U"
    assert not dock.form.isVisible()
    assert dock.title.text() == "Six heads"
    qtbot.keyClicks(dock.reader, "2")
    assert dock.room.reading.done == 0
    dock.room.leave()
    assert dock.form.isVisible()
    press(viewer, Key.Key_1)


def test_a_key_held_down_answers_once(viewer, dock):
    from qtpy.QtCore import QCoreApplication, QEvent
    from qtpy.QtGui import QKeyEvent

    canvas = viewer.window._qt_viewer.canvas.native
    for repeated in (False, True, True):
        modifier = Qt.KeyboardModifier.NoModifier
        event = QKeyEvent(QEvent.Type.KeyPress, Key.Key_3, modifier, "3", repeated)
        QCoreApplication.sendEvent(canvas, event)
    assert dock.room.reading.done == 1


def test_an_image_that_cannot_be_read_is_named_by_its_letter(viewer, qtbot, study):
    reader = "Anna"
    dock = open_dock(viewer)
    dock.open(study.folder, reader)
    wait(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    third = dock.room.reading.cases[2]
    study.image(third, "oracle").write_bytes(b"broken")
    press(viewer, Key.Key_N)
    wait(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    press(viewer, Key.Key_N)
    qtbot.waitUntil(lambda: "cannot be read" in dock.status.text(), timeout=PATIENCE)
    assert f"Case {third}, image " in dock.status.text()
    assert "oracle" not in dock.status.text()
    assert not dock.room.ready
    assert len(viewer.layers) == 0
    press(viewer, Key.Key_N)
    wait(qtbot, dock)
    press(viewer, Key.Key_5)
    assert dock.room.reading.done == 1


def test_one_reader_in_two_windows_is_one_sentence(make_napari_viewer, qtbot, dock, study):
    window = make_napari_viewer(show=True)
    other = open_dock(window)
    press(window, Key.Key_5)
    assert dock.room.reading.done == 0
    other.open(study.folder, "anna")
    assert "is reading this study already" in other.status.text()
    assert other.room.reading is None
    other.open(study.folder, "Béla")
    wait(qtbot, other)
    press(window, Key.Key_5)
    assert (other.room.reading.done, dock.room.reading.done) == (1, 0)
    other.room.leave()
    qtbot.waitUntil(lambda: not other.room.busy, timeout=PATIENCE)


def test_closing_the_window_frees_the_journal(make_napari_viewer, qtbot, study):
    viewer = make_napari_viewer(show=True)
    dock = open_dock(viewer)
    dock.open(study.folder, "Anna")
    wait(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    press(viewer, Key.Key_5)
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    viewer.close()
    second = open_dock(make_napari_viewer(show=True))
    second.open(study.folder, "Anna")
    assert second.room.reading.done == 1
    wait(qtbot, second)
    second.room.leave()
    qtbot.waitUntil(lambda: not second.room.busy, timeout=PATIENCE)


def test_one_who_has_not_finished_keeps_the_other_from_the_reveal(viewer, qtbot, study):
    from napari_unlearn.reading.reading import Reading

    first = Reading(study, "Béla")
    first.answer(3)
    first.close()
    own = Reading(study, "Anna")
    while not own.finished:
        own.answer(4)
    own.close()
    dock = open_dock(viewer)
    dock.open(study.folder, "Anna")
    wait(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    assert dock.reveal.isEnabled()
    qtbot.mouseClick(dock.reveal, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Béla (1 of 36)" in dock.status.text(), timeout=PATIENCE)
    assert dock.room.reading is not None
    assert not study.revealed
    press(viewer, Key.Key_U)
    assert dock.room.reading.done == 35


def test_a_revealed_study_opens_as_its_result(viewer, qtbot, study):
    from napari_unlearn.reading.files import write_reveal
    from napari_unlearn.reading.reading import Reading
    from napari_unlearn.reading.reveal import reveal as reveal_study

    for reader in ("Anna", "Béla"):
        own = Reading(study, reader)
        while not own.finished:
            own.answer(1 + own.done % 5)
        own.close()
    write_reveal(reveal_study(study), study.reveal_folder)
    dock = open_dock(viewer)
    with qtbot.waitSignal(dock.room.revealed, timeout=PATIENCE):
        dock.open(study.folder, "Chen")
    assert dock.room.reading is None
    assert "Anna & Béla: weighted κ" in dock.result.agreement.text()
    again = open_dock(viewer)
    assert again.result.table.rowCount() == 6


def test_a_missing_study_and_a_missing_name_are_sentences(viewer, study, tmp_path):
    dock = open_dock(viewer)
    QTest.mouseClick(dock.begin, Qt.MouseButton.LeftButton)
    assert "Choose the folder" in dock.status.text()
    dock.open(tmp_path, "Anna")
    assert "cannot be read" in dock.status.text()
    dock.open(study.folder, "  ")
    assert "A reader needs a name" in dock.status.text()
    assert dock.room.reading is None


def test_reading_and_comparing_put_each_others_tiles_away(viewer, qtbot, dock, comparison):
    session = session_of(viewer)
    session.tiles.show(comparison)
    qtbot.waitUntil(lambda: not session.tiles.busy, timeout=60000)
    assert dock.room.tiles.case is None
    assert not dock.room.ready
    press(viewer, Key.Key_N)
    wait(qtbot, dock)
    assert not any("Original" in layer.name for layer in viewer.layers)
    assert len(viewer.layers) == 2 * len(ARMS)


def test_strangers_are_hidden_but_kept(viewer, qtbot, study):
    viewer.add_image(np.zeros((3, 4)), name="mine")
    dock = open_dock(viewer)
    dock.open(study.folder, "Anna")
    wait(qtbot, dock)
    assert not viewer.layers["mine"].visible
    cells = [
        [viewer.layers[place].name for place in places]
        for _, places in viewer.canvas.grid.iter_viewboxes(viewer.layers)
        if places
    ]
    assert cells == [["▶ A", "A marks"], ["B", "B marks"], ["C", "C marks"]]


def test_the_study_on_disk_is_the_one_that_was_opened(dock, study):
    assert dock.room.study == ReadingStudy.load(study.folder)
