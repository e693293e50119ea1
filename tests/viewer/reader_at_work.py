"""A reader at the keyboard of a real viewer; as a program, one who reads until killed."""

import sys
import time
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_unlearn.viewer.read_dock import ReadDock
from tests.reading.studies import ARMS, level

KEYS = dict(zip(range(1, 6), (getattr(Qt.Key, f"Key_{n}") for n in range(1, 6)), strict=True))
WORTH = {"firstmodel": 2, "oracle": 5, "zerofilled": 1}


def open_dock(viewer):
    """The Read dock in a window."""
    dock = ReadDock(viewer)
    viewer.window.add_dock_widget(dock, name="Read", area="right")
    return dock


def press(viewer, key, shift=False):
    """A key on the canvas, as if it had the focus."""
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key, modifier)


def seen_arm(dock):
    """Which arm the asked image is, by its looks alone."""
    asked = dock.room.reading.asked
    number = float(dock.room.tiles.tiles[asked.label].image.data[0, 0, 0])
    case = int(asked.case[-1])
    return next(arm for arm in ARMS if level(case, arm) == number)


def judge_what_is_seen(viewer, dock):
    """Answer the question with what the image is worth."""
    press(viewer, KEYS[WORTH[seen_arm(dock)]])


def _wait(dock):
    until = time.monotonic() + 60
    while not dock.room.ready:
        QApplication.processEvents()
        if time.monotonic() > until:
            raise SystemExit("no image within a minute")


def main(folder, reader):
    """Read, telling how many judgements are saved, until somebody kills this process."""
    import napari

    viewer = napari.Viewer()
    dock = open_dock(viewer)
    QApplication.processEvents()
    dock.open(Path(folder), reader)
    while not dock.room.reading.finished:
        _wait(dock)
        judge_what_is_seen(viewer, dock)
        torch = "torch" in sys.modules  # the window's process has no need of it
        sys.stdout.write(f"{dock.room.reading.done} {torch}\n")
        sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
