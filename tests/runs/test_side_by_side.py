import os
import time
from functools import partial

import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.runs.background import in_child
from napari_unlearn.runs.side_by_side import side_by_side
from tests.runs.child_work import leaving_a_note, mistaken, ticking


def child(work):
    return partial(in_child, work, threads=1)


def test_two_works_run_at_once_in_processes_of_their_own(tmp_path):
    token = CancelToken()
    seen = set()
    for event in side_by_side([child(ticking), child(ticking)], 2, token):
        if isinstance(event, int):
            seen.add(event)
        if len(seen) == 2:  # the first has not ended: it ticks until it is asked to stop
            token.cancel()
    assert len(seen) == 2
    assert os.getpid() not in seen


def test_a_failure_stops_the_others_which_keep_what_they_have(tmp_path):
    note = tmp_path / "note"
    works = [child(partial(leaving_a_note, note)), child(mistaken)]
    with pytest.raises(UnlearnError):
        list(side_by_side(works, 2, CancelToken()))
    assert note.read_text() == "kept"


def test_closing_stops_what_runs_and_begins_nothing_more(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    works = [child(partial(leaving_a_note, note)) for note in (first, second)]
    events = side_by_side(works, 1, CancelToken())
    next(events)
    began = time.monotonic()
    events.close()
    assert time.monotonic() - began < 20
    assert first.read_text() == "kept"
    assert not second.exists()
