"""Blinded reading in a real window, by keyboard, through a kill, to the reveal."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QLineEdit, QTableWidget, QWidget

from napari_unlearn.reading.journal import read_journal
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.viewer.session import session_of
from tests.reading.studies import ARMS, SHAPE, VOXEL, Clock, level, write_study
from tests.viewer.reader_at_work import WORTH, judge_what_is_seen, open_dock, press, seen_arm

ROOT = Path(__file__).parents[2]
PATIENCE = 30000  # milliseconds
Key = Qt.Key


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    shown = make_napari_viewer(show=True)
    yield shown
    session_of(shown).reading.leave()
    qtbot.waitUntil(lambda: not session_of(shown).busy, timeout=PATIENCE)


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study", cases=6, seed=3)


@pytest.fixture
def dock(viewer, qtbot, study):
    opened = open_dock(viewer)
    opened.open(study.folder, "Anna")
    wait(qtbot, opened)
    return opened


def wait(qtbot, dock):
    """Until the case is on the screen."""
    qtbot.waitUntil(lambda: dock.room.ready, timeout=PATIENCE)


def reveal(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.room.busy, timeout=PATIENCE)
    with qtbot.waitSignal(dock.room.revealed, timeout=PATIENCE):
        qtbot.mouseClick(dock.reveal, Qt.MouseButton.LeftButton)


def words(viewer):
    """Everything that can be read in the window, on it or behind it."""
    window = viewer.window._qt_window
    for widget in [window, *window.findChildren(QWidget)]:
        yield widget.toolTip()
        yield widget.windowTitle()
        yield widget.objectName()
        if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
            yield widget.text()
        if isinstance(widget, QTableWidget):
            cells = [(r, c) for r in range(widget.rowCount()) for c in range(widget.columnCount())]
            yield from (widget.item(*cell).text() for cell in cells if widget.item(*cell))
    for layer in viewer.layers:
        yield layer.name
        yield str(layer.metadata)
        yield str(layer.source)
        yield str(layer.features) if hasattr(layer, "features") else ""
    yield viewer.title
    yield str(viewer.status)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_six_cases_read_by_keyboard_through_a_kill_to_the_reveal(viewer, qtbot, study):
    command = [sys.executable, "-m", "tests.viewer.reader_at_work", str(study.folder), "Anna"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = 0
    for line in child.stdout:
        number, torch = line.split()
        told = int(number)
        assert torch == "False"
        if told == 17:
            break
    child.send_signal(signal.SIGKILL)
    _, said = child.communicate(timeout=60)
    assert told == 17, said
    journal = study.journal("Anna")
    with journal.open("ab") as stream:
        stream.write(b"0123456789ab,Anna,2026-01-01T00:0")  # what a kill inside a write leaves
    saved = read_journal(journal)
    assert saved.torn
    assert len(saved.judgements) >= told

    dock = open_dock(viewer)
    dock.open(study.folder, "Anna")
    reading = dock.room.reading
    assert reading.done == len(saved.judgements)
    assert "torn" in dock.status.text()
    assert not dock.reveal.isEnabled()
    while not reading.finished:
        wait(qtbot, dock)
        judge_what_is_seen(viewer, dock)
    reveal(qtbot, dock)

    rows = list(csv.DictReader((study.reveal_folder / "judgements.csv").open(newline="")))
    assert len(rows) == 6 * len(ARMS) * 2
    assert len({(row["case"], row["arm"], row["question"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["reader"] == "Anna"
        assert int(row["score"]) == WORTH[row["arm"]]
    lines = read_journal(journal).judgements
    assert lines[: len(saved.judgements)] == saved.judgements
    assert dock.result.isVisible()
    cells = {
        (dock.result.table.item(row, 0).text(), dock.result.table.item(row, 1).text()): float(
            dock.result.table.item(row, 2).text()
        )
        for row in range(dock.result.table.rowCount())
    }
    assert cells == {(arm, q): WORTH[arm] for arm in ARMS for q in ("quality", "trust")}
    assert not dock.result.plot.pixmap().isNull()


def test_no_arm_is_named_anywhere_in_the_window_until_the_reveal(viewer, qtbot, dock):
    for key in (Key.Key_3, Key.Key_M, Key.Key_Right, Key.Key_Return, Key.Key_N, Key.Key_2):
        press(viewer, key)
        wait(qtbot, dock)
        found = [text for text in words(viewer) for arm in ARMS if arm in text.lower()]
        assert found == []
    assert viewer.layers[0].name == "A · 2"


def test_all_images_of_a_case_share_slice_and_window(viewer, dock):
    tiles = dock.room.tiles.tiles
    assert list(tiles) == ["A", "B", "C"]
    case = int(dock.room.reading.asked.case[-1])
    shown = [float(tile.image.data[0, 0, 0]) for tile in tiles.values()]
    assert sorted(shown) == [level(case, arm) for arm in ARMS]
    assert viewer.canvas.grid.enabled
    tiles["A"].image.contrast_limits = (1, 7)
    assert tuple(tiles["C"].image.contrast_limits) == (1, 7)
    press(viewer, Key.Key_PageUp)
    assert tuple(tiles["B"].image.contrast_limits) == pytest.approx((0.4, 6.4))
    press(viewer, Key.Key_PageUp, shift=True)
    assert tuple(tiles["C"].image.contrast_limits) == pytest.approx((3.4 - 3 / 1.1, 3.4 + 3 / 1.1))
    press(viewer, Key.Key_0)
    first = (0.0, level(case, "zerofilled"))
    assert tuple(tiles["C"].image.contrast_limits) == pytest.approx(first)
    assert dock.room.tiles.index == 2
    press(viewer, Key.Key_Up)
    press(viewer, Key.Key_Left)
    assert dock.room.tiles.index == 0
    press(viewer, Key.Key_Left)
    assert dock.room.tiles.index == 0
    for _ in range(5):
        press(viewer, Key.Key_Space)
    assert dock.room.tiles.index == SHAPE[0] - 1
    assert viewer.dims.point[0] == (SHAPE[0] - 1) * VOXEL[0]


def test_keys_answer_undo_and_turn_pages(viewer, qtbot, dock):
    reading = dock.room.reading
    first = reading.asked
    press(viewer, Key.Key_4)
    assert reading.score(first) == 4
    assert "A 4" in dock.panel.answers.text()
    assert dock.room.tiles.tiles["A"].image.name == "A · 4"
    assert dock.room.tiles.tiles["B"].image.name == "▶ B"
    press(viewer, Key.Key_U)
    assert reading.score(first) is None
    press(viewer, Key.Key_Tab)
    assert reading.asked.label == "B"
    press(viewer, Key.Key_Backtab, shift=True)
    assert reading.asked == first
    press(viewer, Key.Key_N)
    assert reading.place == 1
    assert "Case 2 of 6" in dock.panel.place.text()
    wait(qtbot, dock)
    assert seen_arm(dock) == reading.study.arms("Anna", reading.asked.case)[0]
    press(viewer, Key.Key_P)
    wait(qtbot, dock)
    assert reading.asked == first
    assert seen_arm(dock) == reading.study.arms("Anna", first.case)[0]


def test_what_is_not_on_the_screen_cannot_be_judged(viewer, qtbot, dock):
    press(viewer, Key.Key_N)
    press(viewer, Key.Key_N)
    press(viewer, Key.Key_N)
    if not dock.room.ready:
        press(viewer, Key.Key_5)
        assert dock.room.reading.done == 0
    wait(qtbot, dock)
    dock.room.tiles.put_away()
    press(viewer, Key.Key_5)
    assert dock.room.reading.done == 0
    assert dock.room.ready


def test_a_region_is_marked_by_keyboard_alone(viewer, study, dock):
    reading = dock.room.reading
    asked = reading.asked
    for key in (Key.Key_M, Key.Key_Right, Key.Key_Right, Key.Key_Right, Key.Key_Down):
        press(viewer, key)
    press(viewer, Key.Key_Minus)
    assert reading.regions(asked) == ()
    press(viewer, Key.Key_Return)
    press(viewer, Key.Key_M)
    assert not dock.room.tiles.marking
    (region,) = reading.regions(asked)
    assert (region.shape, region.slice) == ("rectangle", 2)
    rows, columns = np.array(region.pixels).T
    # From the middle of the image: the first arrow shows the frame, the others move it.
    assert (rows.mean(), columns.mean()) == pytest.approx((10.5, 13.5), abs=0.01)
    side = 2 * 0.06 * SHAPE[1] * VOXEL[1] / 1.2
    assert np.ptp(np.array(region.mm), axis=0) == pytest.approx([side, side], abs=0.01)
    assert region.area_mm2 == pytest.approx(side**2, abs=0.05)
    press(viewer, Key.Key_5)
    lines = read_journal(study.journal("Anna")).judgements
    assert [(line.asked, line.score, line.regions) for line in lines] == [
        (asked, None, (region,)),
        (asked, 5, (region,)),
    ]
    assert dock.room.tiles.tiles["A"].marks.nshapes == 1
    press(viewer, Key.Key_U)
    press(viewer, Key.Key_Delete)
    assert reading.regions(asked) == ()
    assert dock.room.tiles.tiles["A"].marks.nshapes == 0


def test_escape_leaves_no_frame_behind(viewer, dock):
    for key in (Key.Key_M, Key.Key_Right, Key.Key_Plus):
        press(viewer, key)
    assert dock.panel.mark.text() == "Marking… (M)"
    press(viewer, Key.Key_Escape)
    assert dock.panel.mark.text() == "Mark (M)"
    assert dock.room.reading.regions(dock.room.reading.asked) == ()
    assert dock.room.tiles.tiles["A"].marks.nshapes == 0
    press(viewer, Key.Key_3)
    assert dock.room.reading.done == 1


def test_what_the_mouse_draws_is_saved_at_once_and_only_on_the_image_asked_about(dock, study):
    tiles, reading = dock.room.tiles.tiles, dock.room.reading
    corners = np.array([[1, 2, 2], [1, 2, 8], [1, 9, 8], [1, 9, 2]], float)
    tiles["B"].marks.add(corners, shape_type="rectangle")
    assert not read_journal(study.journal("Anna")).judgements
    tiles["A"].marks.add(corners, shape_type="polygon")
    tiles["A"].marks.add(corners + np.array([0, 3, 3]), shape_type="ellipse")
    tiles["A"].marks.add(corners[:2], shape_type="line")
    polygon, ellipse = reading.regions(reading.asked)
    assert (polygon.shape, polygon.slice, polygon.area_mm2) == ("polygon", 1, 84)
    assert ellipse.area_mm2 == pytest.approx(np.pi * 7 * 3, rel=0.01)
    assert read_journal(study.journal("Anna")).judgements[-1].regions == (polygon, ellipse)


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
