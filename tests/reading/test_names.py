"""Odd names: of readers as files, of anything as cells of a spreadsheet."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.names import (
    file_stem,
    guarded,
    reader_name,
    same_reader,
    telling,
    unguarded,
)

printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@given(st.text())
def test_a_cell_comes_back_and_is_no_formula(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=1+1", "+49", "-2", "@SUM(A1)", "＝1", "\t=1", "'quoted"])
def test_formulas_get_an_apostrophe_through_a_csv_file(text):
    buffer = io.StringIO()
    csv.writer(buffer).writerow([guarded(text)])
    (cell,) = next(csv.reader(io.StringIO(buffer.getvalue())))
    assert cell == f"'{text}"


@given(printable, printable)
def test_readers_share_a_file_only_if_they_are_one(first, second):
    stems = {file_stem(name) for name in (first, second)}
    assert (len(stems) == 1) == (same_reader(first) == same_reader(second))
    for stem in stems:
        assert stem.isascii()
        assert not set(stem) & set('/\\:*?"<>|. ')


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u202eb", "a\x00b"])
def test_a_reader_needs_a_name_that_can_be_shown(name):
    with pytest.raises(ReadingError, match="1 to 60 printable"):
        reader_name(name)


def test_what_tells_an_arm_is_found_as_a_word():
    assert telling("oracle", ["knee", "Is it the Oracle?"]) == "Is it the Oracle?"
    assert telling("oracle", ["knee_oracle_1"]) == "knee_oracle_1"
    assert telling("oracle", ["oracles", "miracle"]) is None
    assert telling("a", ["a knee"]) is None
