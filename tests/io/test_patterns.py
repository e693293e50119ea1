"""Patterns find what they say, and nothing without end."""

import glob
import time

import pytest

from napari_unlearn.io import patterns
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.patterns import matches

FILES = (
    "a.h5",
    "b.txt",
    ".hidden.h5",
    "x/c.h5",
    "x/y/d.h5",
    "x/.no/e.h5",
    "odd [1]/f.h5",
    "x1/g.h5",
)
PATTERNS = ("*.h5", "**/*.h5", "x/**/*.h5", "x?/*.h5", "x[0-9]/*", "nothing/*", "x/c.h5", "**/y/*")


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_match_what_the_standard_library_does(folder, pattern):
    expected = sorted(glob.glob(str(folder / pattern), recursive=True))
    assert [str(path) for path in matches(str(folder / pattern))] == expected


def test_an_escaped_folder_is_a_name(folder):
    pattern = glob.escape(str(folder / "odd [1]")) + "/*.h5"
    assert matches(pattern) == [folder / "odd [1]" / "f.h5"]


def test_links_that_lead_back_are_entered_once(folder):
    """glob would go forty levels down, and take two ways at each."""
    for name in ("again", "and-again"):
        (folder / "x" / name).symlink_to(folder, target_is_directory=True)
    began = time.monotonic()
    found = matches(str(folder / "**" / "d.h5"))
    assert time.monotonic() - began < 2
    assert folder / "x" / "y" / "d.h5" in found
    assert {path.resolve() for path in found} == {folder / "x" / "y" / "d.h5"}


def test_a_search_that_would_not_end_is_one_sentence(folder, monkeypatch):
    monkeypatch.setattr(patterns, "MOST_ENTRIES", 5)
    with pytest.raises(ReadError, match="more than 5 files and folders"):
        matches(str(folder / "**" / "*"))


@pytest.mark.parametrize("pattern", ["a\0b/*", "x" * 300, "a/" * 3000 + "*", "[", "[!", ""])
def test_odd_patterns_match_nothing(folder, pattern, monkeypatch):
    monkeypatch.chdir(folder)
    assert [path for path in matches(pattern) if path.is_file()] == []
