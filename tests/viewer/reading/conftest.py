"""A window, a study, and the dock that reads it."""

import pytest

from napari_unlearn.viewer.session import session_of
from tests.reading.studies import write_study
from tests.viewer.reader_at_work import open_dock
from tests.viewer.reading.desk import PATIENCE, wait


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
