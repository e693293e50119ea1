"""Blinded reading in a real window, by keyboard, through a kill, to the reveal."""

import csv
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from napari_unlearn.reading.journal import read_journal
from tests.reading.studies import ARMS, SHAPE, VOXEL, level
from tests.viewer.reader_at_work import WORTH, judge_what_is_seen, open_dock, press, seen_arm
from tests.viewer.reading.desk import ROOT, Key, reveal, wait, words


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
